//! What every way to send must do, over real sockets.

use std::io::{self, ErrorKind, IoSlice, Read as _};
use std::net::{TcpListener, TcpStream};

use io_uring::IoUring;

use super::ring::{Ring, SENDS, try_out};
use super::{COPY_MAX_BYTES, Direct, Transmit, Way, choose};
use crate::config::Io;

/// A small send, one that is just not copied any more, and one that no socket takes whole.
const SIZES: [usize; 3] = [300, COPY_MAX_BYTES + 1, 32 << 20];

/// Every way that this system has.
fn ways() -> Vec<(&'static str, Box<dyn Transmit<TcpStream>>)> {
    let mut ways: Vec<(&'static str, Box<dyn Transmit<TcpStream>>)> =
        vec![("direct", Box::new(Direct::default()))];
    match Ring::new() {
        Ok(ring) => ways.push(("ring", Box::new(ring))),
        Err(error) => println!("no io_uring here: {error}"),
    }
    ways
}

fn pairs(count: usize) -> Vec<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pair = || {
        let client = TcpStream::connect(address).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        (socket, client)
    };
    std::iter::repeat_with(pair).take(count).collect()
}

/// Sends to all sockets, as many at once as may be; `payload` gives what is for the socket with this index.
fn send_all(
    way: &mut dyn Transmit<TcpStream>,
    pairs: &[(TcpStream, TcpStream)],
    payload: impl Fn(usize) -> Vec<u8>,
) -> Vec<io::Result<usize>> {
    let mut results = Vec::new();
    let mut put = 0;
    for (index, (socket, _)) in pairs.iter().enumerate() {
        let bytes = payload(index);
        let (head, body) = bytes.split_at(bytes.len().min(20));
        way.put(socket, &[IoSlice::new(head), IoSlice::new(body)]);
        put += 1;
        if put == way.room() {
            way.send(&mut results);
            put = 0;
        }
    }
    way.send(&mut results);
    results
}

fn noise(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|index| (index.wrapping_mul(7919) ^ seed.wrapping_mul(104_729)) as u8).collect()
}

#[test]
fn each_socket_gets_its_own_bytes_and_each_result_is_its_own() {
    for (name, mut way) in ways() {
        // More than fit at once, and again with the same ring.
        let pairs = pairs(300);
        for round in 0..3 {
            let len = |index: usize| SIZES[(index + round) % 2] - index;
            let results = send_all(&mut *way, &pairs, |index| noise(index + round, len(index)));
            assert_eq!(results.len(), pairs.len(), "{name}");
            for (index, ((_, client), result)) in pairs.iter().zip(results).enumerate() {
                assert_eq!(result.unwrap(), len(index), "{name}");
                let mut got = vec![0; len(index)];
                (&*client).read_exact(&mut got).unwrap();
                assert!(got == noise(index + round, len(index)), "{name}: {index}");
            }
        }
    }
}

#[test]
fn a_socket_that_is_full_takes_a_part_then_nothing_and_holds_nobody_up() {
    for (name, mut way) in ways() {
        for size in SIZES {
            let pairs = pairs(2);
            let bytes = noise(1, size);
            let mut taken = 0;
            // The first client does not read.
            let full = loop {
                let results =
                    send_all(
                        &mut *way,
                        &pairs,
                        |index| {
                            if index == 0 { bytes.clone() } else { noise(2, 10) }
                        },
                    );
                let [first, second] = <[_; 2]>::try_from(results).unwrap();
                assert_eq!(second.unwrap(), 10, "{name}");
                (&pairs[1].1).read_exact(&mut [0; 10]).unwrap();
                match first {
                    Ok(0) => panic!("{name}: nothing is no success"),
                    Ok(part) => taken += part,
                    Err(error) => break error,
                }
            };
            assert_eq!(full.kind(), ErrorKind::WouldBlock, "{name}");
            assert!(taken > 0, "{name}");
            // What was said to be taken is there, and no more.
            let (socket, client) = pairs.into_iter().next().unwrap();
            drop(socket);
            let mut client = client;
            let mut got = Vec::new();
            client.read_to_end(&mut got).unwrap();
            assert_eq!(got.len(), taken, "{name}, {size}");
        }
    }
}

#[test]
fn a_socket_that_is_over_is_an_error_for_itself_alone() {
    for (name, mut way) in ways() {
        let pairs = pairs(3);
        pairs[1].0.shutdown(std::net::Shutdown::Write).unwrap();
        let results = send_all(&mut *way, &pairs, |index| noise(index, 100));
        let kinds: Vec<_> = results.into_iter().map(|result| result.map_err(|error| error.kind())).collect();
        assert_eq!(kinds, [Ok(100), Err(ErrorKind::BrokenPipe), Ok(100)], "{name}");
    }
}

#[test]
fn what_is_forgotten_is_not_sent() {
    for (name, mut way) in ways() {
        let pairs = pairs(1);
        if way.room() > 1 {
            way.put(&pairs[0].0, &[IoSlice::new(b"one")]);
            way.clear();
        }
        way.put(&pairs[0].0, &[IoSlice::new(b"two")]);
        let mut results = Vec::new();
        way.send(&mut results);
        assert_eq!(results.len(), 1, "{name}");
        let mut got = [0; 3];
        (&pairs[0].1).read_exact(&mut got).unwrap();
        assert_eq!(&got, b"two", "{name}");
    }
}

#[test]
fn a_ring_is_chosen_where_one_works_and_is_wanted() {
    assert_eq!(choose(Io::Epoll), Way::Direct);
    let best = if Ring::new().is_ok() { Way::Ring } else { Way::Direct };
    assert_eq!((choose(Io::Auto), choose(Io::Uring)), (best, best));
}

/// As where a filter of system calls lets a ring be made and not used.
#[test]
fn a_ring_that_takes_nothing_is_refused() {
    let Ok(mut ring) = IoUring::builder().setup_r_disabled().build(1) else {
        return println!("no io_uring here");
    };
    assert!(try_out(&mut ring).is_err());
}

/// As when the system takes io_uring away from a process that has it.
#[test]
fn without_its_ring_a_slice_loses_what_was_on_its_way_and_sends_on() {
    // The system refuses to submit what is in a ring that is not enabled.
    let disabled = IoUring::builder().setup_r_disabled().build(SENDS as u32);
    let Ok(mut ring) = disabled.and_then(Ring::over) else { return println!("no io_uring here") };
    let pairs = pairs(3);
    let results = send_all(&mut ring, &pairs, |index| noise(index, SIZES[index % 2]));
    assert!(results[0].is_err() && results[2].is_err());
    assert_eq!(results[1].as_ref().unwrap(), &SIZES[1]);
    let results = send_all(&mut ring, &pairs, |index| noise(index, 100));
    assert!(results.iter().all(|result| matches!(result, Ok(100))));
}
