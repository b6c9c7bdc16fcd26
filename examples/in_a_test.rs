//! A proxy inside a test: `cargo test --example in_a_test`.

fn main() {
    println!("this is a test: cargo test --example in_a_test");
}

#[cfg(test)]
mod tests {
    use chenapan::{control::Control, proxy::Config, rule::Rules};
    use std::time::Duration;
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
        let backend = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read_exact(&mut [0; 4]).await;
                let _ = stream.write_all(b"pong").await;
            }
        });

        let control = Control::seeded(42).unwrap();
        let mut config = Config::new("127.0.0.1:0", &backend).unwrap();
        config.rules = Rules::parse(&["limit:bytes=2:connections=1"]).unwrap();
        let proxy = control.add(config).unwrap();

        assert_eq!(ask(proxy.address().unwrap()).await.unwrap(), (2, "pong".to_owned()));
        // The evidence that the fault did happen.
        assert_eq!(proxy.rules().iter().next().unwrap().tally().faults(), 1);
        control.stop(Duration::from_secs(1)).await.unwrap();
    }
}
