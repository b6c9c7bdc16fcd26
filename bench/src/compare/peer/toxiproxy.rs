//! Toxiproxy, and noxious, which speaks as it does: a configuration, and the delay by HTTP.

use crate::compare::peer::Route;
use anyhow::{Context, ensure};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Returns the address of its API: the port of the proxy, at another address of this machine.
pub(crate) fn api(listen: SocketAddr) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), listen.port()))
}

/// Its configuration: one proxy.
pub(crate) fn config(route: Route) -> String {
    let Route { listen, backend } = route;
    let proxy = json!({
        "name": NAME, "listen": listen.to_string(), "upstream": backend.to_string(), "enabled": true
    });
    json!([proxy]).to_string()
}

/// Has it hold everything that comes from the backend for a time.
pub(crate) fn delay(listen: SocketAddr, delay: Duration) -> anyhow::Result<()> {
    let attributes = json!({"latency": delay.as_millis() as u64, "jitter": 0});
    let toxic = json!({
        "name": "delay", "type": "latency", "stream": "downstream", "toxicity": 1.0,
        "attributes": attributes
    });
    let answer = post(api(listen), &format!("/proxies/{NAME}/toxics"), &toxic.to_string())?;
    let status = answer.lines().next().unwrap_or_default();
    ensure!(status.contains(" 20"), "the delay was refused: {status}");
    Ok(())
}

fn post(address: SocketAddr, path: &str, body: &str) -> anyhow::Result<String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().with_context(|| format!("no answer from the API at {address}"))
}

const NAME: &str = "compared";
const LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn the_delay_is_asked_for_by_http() {
        let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = vec![0; 4_096];
            let mut length = 0;
            while !asked[..length].ends_with(b"}") {
                length += stream.read(&mut asked[length..]).unwrap();
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
            String::from_utf8(asked[..length].to_vec()).unwrap()
        });
        delay(SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())), Duration::from_millis(20))
            .unwrap();
        let asked = server.join().unwrap();
        assert!(asked.starts_with("POST /proxies/compared/toxics HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("\"latency\":20"), "{asked}");
    }
}
