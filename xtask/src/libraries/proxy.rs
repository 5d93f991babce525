//! A TCP proxy between a bot and the server, whose connections can be cut and held back.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

/// What is passed on at once.
const CHUNK_BYTES: usize = 16 * 1024;

#[derive(Default)]
struct State {
    target: Option<SocketAddr>,
    is_held: bool,
    open: Vec<TcpStream>,
}

/// The proxy; its threads end with the process.
#[derive(Clone)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Proxy {
    /// Listens on a free port. Connections wait until there is a target.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start() -> Result<Self, String> {
        let failed = |error: io::Error| format!("proxy: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let proxy = Self { address, state: Arc::default() };
        let accepting = proxy.clone();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let proxy = accepting.clone();
                thread::spawn(move || proxy.serve(&socket));
            }
        });
        Ok(proxy)
    }

    /// Says where connections lead.
    pub fn lead_to(&self, target: SocketAddr) {
        self.with(|state| state.target = Some(target));
    }

    /// Ends every connection; new ones wait until [`Proxy::release`].
    pub fn cut(&self) {
        self.with(|state| {
            state.is_held = true;
            for socket in state.open.drain(..) {
                // fails only when it is closed already
                let _ = socket.shutdown(Shutdown::Both);
            }
        });
    }

    /// Lets connections through again.
    pub fn release(&self) {
        self.with(|state| state.is_held = false);
    }

    fn with(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.state.1.notify_all();
    }

    /// Waits until connections may pass and returns where to; notes both ends so that they can be cut.
    fn connect(&self, near: &TcpStream) -> io::Result<TcpStream> {
        let mut state = self.state.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match state.target {
                Some(target) if !state.is_held => {
                    let far = TcpStream::connect(target)?;
                    far.set_nodelay(true)?;
                    state.open.extend([near.try_clone()?, far.try_clone()?]);
                    return Ok(far);
                }
                _ => state = self.state.1.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn serve(&self, near: &TcpStream) {
        // a connection that fails is closed, which is all that its client can be told
        let _ = near.set_nodelay(true);
        let Ok(far) = self.connect(near) else { return };
        thread::scope(|scope| {
            scope.spawn(|| pump(near, &far));
            pump(&far, near);
        });
    }
}

/// Passes bytes on until one end closes, then closes the other.
fn pump(mut from: &TcpStream, mut to: &TcpStream) {
    let mut buffer = [0; CHUNK_BYTES];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
