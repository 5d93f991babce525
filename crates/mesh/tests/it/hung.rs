//! A machine that is still there and says nothing any more.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Carries bytes both ways until it hangs; connections stay open then.
pub struct Between {
    pub address: SocketAddr,
    hangs: watch::Sender<bool>,
}

impl Between {
    pub async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, (hangs, hung)) = (listener.local_addr().unwrap(), watch::channel(false));
        tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let mut hung = hung.clone();
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => return,
                        _ = hung.wait_for(|hung| *hung) => {}
                    }
                    std::future::pending::<()>().await;
                    drop((from, to));
                });
            }
        });
        Self { address, hangs }
    }

    pub fn hang(&self) {
        self.hangs.send_replace(true);
    }
}
