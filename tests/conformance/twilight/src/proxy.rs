//! A TCP proxy in front of the gateway, whose connections can be cut and held back.

use std::io;
use std::net::SocketAddr;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How connections fare: let through while `true`, cut and held back while `false`.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Proxy {
    /// Listens on a free port in front of `target`.
    pub async fn before(target: String) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (open, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target.clone(), state.clone()));
            }
        });
        Ok(Self { address, open })
    }

    /// Cuts every connection at once and holds back new ones.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// Lets held and new connections through again.
    pub fn release(&self) {
        self.open.send_replace(true);
    }
}

async fn pass(mut client: TcpStream, target: String, mut state: watch::Receiver<bool>) {
    if state.wait_for(|open| *open).await.is_err() {
        return;
    }
    let Ok(mut upstream) = TcpStream::connect(target).await else { return };
    // dropping the sockets is the cut; how a connection ends otherwise does not matter here
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut upstream) => {}
        _ = state.wait_for(|open| !*open) => {}
    }
}
