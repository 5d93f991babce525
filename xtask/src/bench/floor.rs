//! The floor of fan-out: one process that sends a ready frame to many plain TCP connections, one send each,
//! and does nothing else. A helper of `bench fanout`.

use crate::args::Args;
use std::io::{BufRead, Write};
use std::net::{TcpListener, TcpStream};

/// Listens, says where, takes the connections, then sends one frame to all of them for each line of input.
///
/// # Errors
/// When a connection breaks.
pub fn run(args: &mut Args) -> Result<(), String> {
    let words = args.rest()?;
    let [count, bytes] = &words[..] else { return Err("COUNT BYTES".to_owned()) };
    let parse = |text: &String| text.parse::<usize>().map_err(|_| format!("{text:?} is no number"));
    let (count, bytes) = (parse(count)?, parse(bytes)?);
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    println!("{}", listener.local_addr().map_err(|error| error.to_string())?);
    let mut sockets: Vec<TcpStream> = Vec::with_capacity(count);
    for _ in 0..count {
        let (socket, _) = listener.accept().map_err(|error| error.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        sockets.push(socket);
    }
    let frame = vec![b'x'; bytes];
    for line in std::io::stdin().lock().lines() {
        line.map_err(|error| error.to_string())?;
        for socket in &mut sockets {
            socket.write_all(&frame).map_err(|error| error.to_string())?;
        }
        println!("sent");
    }
    Ok(())
}
