//! The floors of fan-out: processes that send a ready frame to many plain TCP connections and do nothing else, by one `write`
//! each or by io_uring. A helper of `bench fanout`.

mod measure;
mod ring;

pub use measure::{Floors, measure};

use crate::args::Args;
use ring::Ring;
use std::io::{BufRead, Write};
use std::net::{TcpListener, TcpStream};

/// How a floor is sent; what a sender is told is its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A system call for each connection.
    Plain,
    /// Many connections by one system call.
    Ring,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Ring => "io_uring",
        }
    }
}

/// What a sender says when a frame is left to all.
const SENT: &str = "sent";

/// Listens, says where, takes the connections, says whether it has io_uring, or why not; then sends one frame to all
/// connections for each line of input, in the way that the line names, and says [`SENT`].
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
    let sockets = accept(&listener, count)?;
    // lives as long as the process: the kernel may read it whenever it likes
    let frame: &'static [u8] = vec![b'x'; bytes].leak();
    let mut ring = Ring::new(&sockets, frame);
    match &ring {
        Ok(_) => println!("{}", Way::Ring.name()),
        Err(error) => println!("{error}"),
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        match &mut ring {
            Ok(ring) if line == Way::Ring.name() => ring.send_to_all(),
            _ => sockets.iter().try_for_each(|mut socket| socket.write_all(frame)),
        }
        .map_err(|error| error.to_string())?;
        println!("{SENT}");
    }
    Ok(())
}

fn accept(listener: &TcpListener, count: usize) -> Result<Vec<TcpStream>, String> {
    let mut sockets = Vec::with_capacity(count);
    for _ in 0..count {
        let (socket, _) = listener.accept().map_err(|error| error.to_string())?;
        socket.set_nodelay(true).map_err(|error| error.to_string())?;
        sockets.push(socket);
    }
    Ok(sockets)
}
