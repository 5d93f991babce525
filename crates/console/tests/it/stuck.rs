use serde_json::json;

use crate::world::{DOOR, Op, Socket, World};

/// One test, since all toys of the process share one door.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_actor_that_hangs_is_named_from_another_node_with_its_queue_its_oldest_item_and_the_message_it_is_in()
 {
    let world = World::start();
    let (stuck, well) = (world.toy_of(1), world.toy_of(2));
    world.send(well, Op::Greet("well".to_owned()));
    world.send(stuck, Op::Greet("before".to_owned()));
    world.until(0, stuck, |actor| actor["handled"] == 1).await;
    world.send(stuck, Op::Hang);
    world.until(0, stuck, |actor| actor["handling"]["op"] == "Hang").await;
    for n in 0..7 {
        world.send(stuck, Op::Greet(format!("a secret {n}")));
    }

    // From node 0, of an actor of node 1.
    let seen = world.until(0, stuck, |actor| actor["queue"] == 7).await;
    assert_eq!((&seen["node"], &seen["kind"], &seen["key"]), (&json!(1), &json!("toy"), &json!(stuck)));
    assert_eq!(seen["handling"]["op"], "Hang");
    assert_eq!(seen["waiting"], json!([["Greet", 7]]));
    assert_eq!(seen["state"], "running");
    assert!(seen["oldest_us"].as_u64().is_some() && seen["epoch"].as_u64() > Some(0));
    assert!(!seen.to_string().contains("secret"), "types, and nothing of what is in messages: {seen}");
    let (again, before) = (world.until(0, stuck, |_| true).await, &seen["handling"]["for_us"]);
    assert!(again["handling"]["for_us"].as_u64() > before.as_u64(), "its age grows although it does nothing");

    // The list names it first, and what cannot be asked of it is said to be so.
    let list = world.view(2).actors(None, Default::default(), 10, false).await;
    assert_eq!((&list["actors"][0]["key"], &list["actors"][0]["queue"]), (&json!(stuck), &json!(7)));
    let state = world.view(0).state("ada".to_owned(), "toy".to_owned(), stuck).await;
    assert!(state.unwrap_err().contains("does not get to the question"));
    let state = world.view(0).state("ada".to_owned(), "toy".to_owned(), well).await.unwrap();
    assert_eq!(state, json!({ "node": 2, "state": { "greeted": 1 } }));

    // The shell of one node sums over all.
    let mut socket = Socket::connect(&world.folder(0)).await;
    // The question about its state waits, too.
    assert_eq!(socket.shell(None, r#"sum(actors("toy"), "queue")"#).await, Ok(json!(8)));
    let line = r#"actors().filter(|a| a.queue > 0).map(|a| `${a.kind} ${a.key} on ${a.node}`)"#;
    assert_eq!(socket.shell(None, line).await, Ok(json!([format!("toy {stuck} on 1")])));
    assert_eq!(socket.shell(None, r#"sum(nodes(), "queued")"#).await, Ok(json!(8)));
    assert_eq!(socket.shell(None, "nodes().len()").await, Ok(json!(3)));

    DOOR.open();
    let free = world.until(0, stuck, |actor| actor["queue"] == 0 && actor["handling"].is_null()).await;
    let ops = free["ops"].as_array().unwrap();
    let hang = ops.iter().find(|op| op["op"] == "Hang").unwrap();
    assert!(hang["count"] == 1 && hang["max_us"].as_u64() >= again["handling"]["for_us"].as_u64(), "{free}");
    assert_eq!(ops.iter().find(|op| op["op"] == "Greet").unwrap()["count"], 8);
}
