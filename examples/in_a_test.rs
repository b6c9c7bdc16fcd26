//! A proxy inside a test: `cargo test --example in_a_test`.

fn main() {
    println!("this is a test: cargo test --example in_a_test");
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// The code under test: asks twice when the first answer does not come whole.
    async fn ask(address: std::net::SocketAddr) -> std::io::Result<(u32, String)> {
        for attempt in 1.. {
            let mut stream = TcpStream::connect(address).await?;
            let mut answer = String::new();
            stream.write_all(b"ping").await?;
            let read = stream.read_to_string(&mut answer).await;
            if read.is_ok() && answer == "pong" || attempt == 3 {
                return Ok((attempt, answer));
            }
        }
        unreachable!("the loop returns at its third attempt")
    }

    #[tokio::test]
    async fn a_client_survives_a_first_answer_that_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read_exact(&mut [0; 4]).await;
                let _ = stream.write_all(b"pong").await;
            }
        });

        let proxy = chenapan::proxy(backend).rule("limit:bytes=2:connections=1").seed(42);
        let proxy = proxy.start().await.unwrap();

        assert_eq!(ask(proxy.address()).await.unwrap(), (2, "pong".to_owned()));
        // The evidence that the fault did happen. The proxy ends when it is dropped.
        assert_eq!(proxy.rule("limit").faults(), 1);
    }
}
