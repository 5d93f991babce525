use std::os::unix::fs::PermissionsExt as _;

use consort_console::{Operators, Role};
use serde_json::json;

use crate::world::{Op, Socket, World};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_token_looks_and_changes_nothing() {
    let world = World::start();
    let folder = world.folder(0);
    let mode = std::fs::metadata(folder.join("operate.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the socket is its user's alone");
    let operators = Operators::of(&folder);
    let (reads, writes) =
        (operators.add("bob", Role::Read).unwrap(), operators.add("ada", Role::Write).unwrap());
    let mut socket = Socket::connect(&folder).await;

    let (status, answer) = socket.ask(None, json!({ "command": "nodes" })).await;
    assert_eq!((status, answer["nodes"].as_array().unwrap().len()), (200, 3), "{answer}");
    assert_eq!(answer["nodes"][2]["name"], "owner-2");
    let set = json!({ "command": "log_level", "filter": "debug" });
    assert_eq!(socket.ask(None, set.clone()).await.0, 403);
    assert_eq!(socket.ask(Some(&reads), set.clone()).await.0, 403);
    assert_eq!(socket.ask(Some("consort_op_wrong"), set.clone()).await.0, 401);
    let (status, answer) = socket.ask(Some(&writes), set.clone()).await;
    assert_eq!((status, &answer["before"]), (200, &json!([[0, "info"], [1, "info"], [2, "info"]])));
    for token in [None, Some(&*reads)] {
        for line in [r#"log_level("debug")"#, r#"log_level(1, "debug")"#, r#"drain("owner-1")"#] {
            let refused = socket.shell(token, line).await.unwrap_err();
            assert!(refused.contains("role write"), "{refused}");
        }
    }
    assert!(socket.shell(Some(&writes), r#"log_level(1, "debug")"#).await.is_ok());
    assert!(socket.shell(Some(&writes), r#"log_level(1, "nonsense")"#).await.is_err());
    let alone = socket.shell(Some(&writes), r#"drain("owner-1")"#).await.unwrap_err();
    assert!(alone.contains("no member of a cluster"), "{alone}");
    operators.remove("ada").unwrap();
    assert_eq!(socket.ask(Some(&writes), set).await.0, 401, "from then on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_remembers_variables_of_its_connection_and_ends_what_does_not() {
    let world = World::start();
    let toy = world.toy_of(0);
    world.send(toy, Op::Greet(String::new()));
    world.until(1, toy, |actor| actor["handled"] == 1).await;
    let mut socket = Socket::connect(&world.folder(1)).await;
    assert_eq!(socket.shell(None, "let all = actors(\"toy\");").await, Ok(json!(null)));
    assert_eq!(socket.shell(None, "all[0].key").await, Ok(json!(toy)));
    assert_eq!(socket.shell(None, &format!("state(\"toy\", {toy}).state.greeted")).await, Ok(json!(1)));
    assert_eq!(socket.shell(None, &format!("actor(\"toy\", \"{toy}\").node")).await, Ok(json!(0)));
    assert_eq!(socket.shell(None, "sessions(5)").await, Ok(json!([])));
    assert_eq!(socket.shell(None, "me().role").await, Ok(json!("read")));
    assert!(socket.shell(None, "loop {}").await.unwrap_err().contains("operations"));
    assert!(socket.shell(None, "actor(\"toy\", 99999)").await.unwrap_err().contains("no node has"));
    let mut other = Socket::connect(&world.folder(1)).await;
    assert!(other.shell(None, "all").await.is_err(), "another connection has its own");
    assert_eq!(other.ask(None, json!({ "command": "shout" })).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_shows_messages_of_one_actor_without_their_contents() {
    let world = World::start();
    let toy = world.toy_of(2);
    world.send(toy, Op::Greet("first".to_owned()));
    world.until(0, toy, |actor| actor["handled"] == 1).await;
    let view = world.view(0);
    let watch = |after: u64| view.watch("ada".to_owned(), "toy".to_owned(), toy, after);
    assert_eq!(watch(0).await.unwrap()["messages"], json!([]));
    world.send(toy, Op::Greet("a secret".repeat(50)));
    world.until(0, toy, |actor| actor["handled"] == 2).await;
    let traced = loop {
        let traced = watch(0).await.unwrap();
        if traced["messages"] != json!([]) {
            break traced;
        }
        tokio::task::yield_now().await;
    };
    let message = &traced["messages"][0];
    assert_eq!(
        (&message["op"], &message["from"], &traced["node"]),
        (&json!("Greet"), &json!("system"), &json!(2))
    );
    assert!(message["bytes"].as_u64() > Some(400) && !traced.to_string().contains("secret"), "{traced}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_a_killed_process_has_left_is_replaced_and_one_that_answers_is_not() {
    let world = World::start();
    let left = world.data.path().join("left");
    std::fs::create_dir(&left).unwrap();
    drop(std::os::unix::net::UnixListener::bind(left.join("operate.sock")).unwrap());
    let parts = || consort_console::Parts {
        mesh: world.meshes[0].clone(),
        registry: Default::default(),
        health: Default::default(),
        clock: std::sync::Arc::new(consort_runtime::System),
        gateway: None,
        name: String::new(),
        roles: Vec::new(),
        set_log: None,
    };
    let first = consort_console::open(parts(), &left, None);
    let second = consort_console::open(parts(), &left, None);
    drop(second);
    let mut socket = Socket::connect(&left).await;
    assert_eq!(socket.ask(None, json!({ "command": "nodes" })).await.0, 200, "the first still answers");
    drop(first);
    assert!(!left.join("operate.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_told_at_one_path_to_whoever_asks() {
    let world = World::start();
    let folder = world.data.path().join("metrics");
    std::fs::create_dir(&folder).unwrap();
    let parts = consort_console::Parts {
        mesh: world.meshes[0].clone(),
        registry: Default::default(),
        health: Default::default(),
        clock: std::sync::Arc::new(consort_runtime::System),
        gateway: None,
        name: String::new(),
        roles: Vec::new(),
        set_log: None,
    };
    let mut operable = consort_console::open(parts, &folder, None);
    let address = operable.serve_metrics("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let mut answers = Vec::new();
    for (method, path) in [("GET", "/metrics"), ("POST", "/metrics"), ("GET", "/")] {
        use http_body_util::BodyExt as _;
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::builder().method(method).uri(path).header("host", "consort");
        let request = request.body(http_body_util::Full::new(bytes::Bytes::new())).unwrap();
        let response = sender.send_request(request).await.unwrap();
        answers.push((response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes()));
    }
    assert_eq!(answers.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 405, 404]);
    assert!(String::from_utf8_lossy(&answers[0].1).contains("consort_process_open_files"));
}
