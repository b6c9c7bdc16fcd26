//! The life of proxies in a process of one's own: what ends them, and what has ended by then.

use chenapan::control::Control;
use chenapan::journal::{News, What};
use chenapan::proxy::{Config, Proxy};
use chenapan::rule::Rules;
use chenapan::stats::Counter;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);

/// A proxy before a backend that hands out its connections.
async fn before(control: &Control, name: &str, rules: &[&str]) -> (Proxy, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    let mut config = Config::new("127.0.0.1:0", &backend).unwrap();
    config.name = name.to_owned();
    config.rules = Rules::parse(rules).unwrap();
    (control.add(config).unwrap(), listener)
}

async fn through(proxy: &Proxy, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    let (server, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    (client, server)
}

/// Fails unless the port of a proxy is free at this moment.
fn is_free(proxy: &Proxy) {
    drop(std::net::TcpListener::bind(proxy.address().unwrap()).expect("the port is free"));
}

/// Runs a future on this thread, without any runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_stopped_leaves_its_control_and_its_name_and_port_are_free() {
    let control = Control::seeded(1).unwrap();
    for now in [false, true] {
        let (proxy, listener) = before(&control, "web", &[]).await;
        let (other, _other_listener) = before(&control, "other", &[]).await;
        let (mut client, _server) = through(&proxy, &listener).await;
        match now {
            true => proxy.stop_now().await,
            false => proxy.stop(Duration::ZERO).await,
        }
        is_free(&proxy);
        assert_eq!((proxy.stats().value(Counter::Stopped), proxy.stats().active()), (1, 0));
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        let names: Vec<_> = control.proxies().iter().map(|proxy| proxy.name().to_owned()).collect();
        assert_eq!(names, ["other"]);
        assert!(control.get("web").is_none());
        other.stop_now().await;
    }
    control.stop(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn ports_are_free_without_a_turn_of_the_runtime() {
    let control = Control::seeded(1).unwrap();
    for turn in [false, true] {
        let (proxy, _listener) = before(&control, "", &[]).await;
        let address = proxy.address().unwrap();
        if turn {
            tokio::task::yield_now().await;
        }
        assert!(control.remove(&proxy));
        drop(proxy);
        drop(std::net::TcpListener::bind(address).expect("dropped"));
        let (proxy, _listener) = before(&control, "", &[]).await;
        if turn {
            tokio::task::yield_now().await;
        }
        // Not awaited to its end: the first poll closes what listens.
        let mut stop = Box::pin(proxy.stop(PATIENCE));
        let _ = stop.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        is_free(&proxy);
    }
}

#[tokio::test]
async fn stopping_now_waits_for_no_client_that_takes_nothing() {
    let stops = async {
        for _ in 0..30 {
            let control = Control::seeded(1).unwrap();
            let (proxy, listener) = before(&control, "", &[]).await;
            let (_client, mut server) = through(&proxy, &listener).await;
            // More than all buffers on the way take: some of it waits in the proxy.
            let flood = vec![0; 1 << 16];
            let full = async { while server.write_all(&flood).await.is_ok() {} };
            let _ = timeout(Duration::from_millis(10), full).await;
            // A reset waits for what was written before, but not now.
            proxy.reset_all();
            control.stop_now().await.unwrap();
            is_free(&proxy);
            assert_eq!(proxy.stats().active(), 0);
        }
    };
    timeout(Duration::from_secs(25), stops).await.expect("at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_fault_finds_it_counted_and_in_the_journal() {
    let control = Control::seeded(1).unwrap();
    let rule = "replace:match=a:with=b:direction=upstream";
    let (proxy, listener) = before(&control, "", &[rule]).await;
    let (mut client, mut server) = through(&proxy, &listener).await;
    let mut news = control.watch();
    let rule = proxy.rule("replace").unwrap();
    for round in 0..200 {
        let times = 2 * round + 1;
        let waiting = tokio::spawn(rule.happened(times).into_future());
        client.write_all(b"xa").await.unwrap();
        timeout(PATIENCE, waiting).await.unwrap().unwrap();
        let Some(News::Line(line)) = news.try_next() else { panic!("{times} is not there") };
        assert!(matches!(line.entry.what, What::Damage(_)), "{:?}", line.entry.what);
        assert_eq!((rule.faults(), news.try_next()), (times, None));
        // Who sees it on the wire finds it, too.
        client.write_all(b"a").await.unwrap();
        let mut got = [0; 3];
        timeout(PATIENCE, server.read_exact(&mut got)).await.unwrap().unwrap();
        assert_eq!(&got, b"xbb");
        let Some(News::Line(line)) = news.try_next() else { panic!("{times} is not there") };
        assert_eq!((&*line.entry.rule, line.entry.connection), ("replace", 1));
        rule.happened(times + 1).await;
    }
    let error = rule.happened(999).within(Duration::from_millis(1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "rule replace: 400 of 999 faults, and it met 400 units, within 1ms"
    );
}

#[test]
fn outside_of_a_runtime_there_are_errors_or_it_works() {
    let error = Control::seeded(1).unwrap_err();
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let control = runtime.block_on(async { Control::seeded(1).unwrap() });
    // Added, changed and stopped from a thread without a runtime.
    let backend = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let proxy = control.add(Config::new("127.0.0.1:0", &address).unwrap()).unwrap();
    let client = std::net::TcpStream::connect(proxy.address().unwrap()).unwrap();
    drop(backend.accept().unwrap());
    block_on(proxy.disable());
    is_free(&proxy);
    block_on(proxy.enable()).unwrap();
    block_on(proxy.listen(&["127.0.0.1:0".parse().unwrap()])).unwrap();
    drop(client);
    block_on(proxy.ended(1));
    block_on(proxy.idle());
    block_on(proxy.stop(PATIENCE));
    is_free(&proxy);
    let proxy = control.add(Config::new("127.0.0.1:0", &address).unwrap()).unwrap();
    block_on(control.stop(Duration::ZERO)).unwrap();
    is_free(&proxy);
    let backend: chenapan::endpoint::Connect = address.parse().unwrap();
    let dialer = chenapan::endpoint::Dialer::new(&backend).unwrap();
    let error = block_on(dialer.reach(PATIENCE)).unwrap_err();
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
    let listen = "127.0.0.1:0".parse().unwrap();
    let error = chenapan::endpoint::Listener::bind(&listen).unwrap_err();
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
    // A runtime that has ended is none.
    drop(runtime);
    let error = control.add(Config::new("127.0.0.1:0", &address).unwrap()).map(drop).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Other, "{error}");
    block_on(control.stop(PATIENCE)).unwrap();
}
