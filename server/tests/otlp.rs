//! Metrics that are pushed, as a collector of OpenTelemetry gets them.

use chenapan_engine::control::Control;
use chenapan_engine::endpoint::Kinds;
use chenapan_engine::proxy::Config;
use chenapan_server::{Api, Collector};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric, number_data_point};
use prost::Message;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Longest time that anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request as a collector gets it: its head, and its body decoded.
struct Push {
    head: String,
    body: ExportMetricsServiceRequest,
}

impl Push {
    /// Takes the next request and answers it.
    async fn next(collector: &TcpListener, status: &str) -> Self {
        tokio::time::timeout(PATIENCE, Self::taken(collector, status)).await.expect("a push")
    }

    async fn taken(collector: &TcpListener, status: &str) -> Self {
        let (stream, _) = collector.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while stream.read_line(&mut head).await.unwrap() > 2 {}
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        let response = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(response.as_bytes()).await.unwrap();
        Self { head, body: ExportMetricsServiceRequest::decode(&*body).unwrap() }
    }

    fn metric(&self, name: &str) -> &Metric {
        let [resource] = &self.body.resource_metrics[..] else { panic!("{:?}", self.body) };
        let [scope] = &resource.scope_metrics[..] else { panic!("{resource:?}") };
        let mut metrics = scope.metrics.iter();
        metrics.find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name}: {scope:?}"))
    }

    /// Returns the values of a counter of the proxy `db`, with its labels.
    fn counted(&self, name: &str) -> Vec<(String, i64)> {
        let Some(metric::Data::Sum(sum)) = &self.metric(name).data else { panic!("{name}") };
        assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "{sum:?}");
        sum.data_points.iter().map(|point| (labels(&point.attributes), number(point))).collect()
    }
}

fn labels(pairs: &[KeyValue]) -> String {
    let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => format!("{}={text}", pair.key),
        other => panic!("{other:?}"),
    };
    pairs.iter().map(text).collect::<Vec<_>>().join(",")
}

fn number(point: &NumberDataPoint) -> i64 {
    assert!(0 < point.start_time_unix_nano && point.start_time_unix_nano <= point.time_unix_nano);
    match point.value {
        Some(number_data_point::Value::AsInt(number)) => number,
        ref other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_collector_gets_what_prometheus_would() {
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap().to_string();
    let control = Control::seeded(42).unwrap();
    let mut config = Config::new("127.0.0.1:0", &address).unwrap();
    config.name = "db".to_owned();
    let rule = "delay:sleep=1ms:direction=upstream";
    config.rules = chenapan_engine::rule::Rules::parse(&[rule]).unwrap();
    let proxy = control.add(config).unwrap();
    let mut client = TcpStream::connect(proxy.address().unwrap()).await.unwrap();
    client.write_all(b"hello").await.unwrap();
    let (mut server, _) = backend.accept().await.unwrap();
    let mut got = [0; 5];
    server.read_exact(&mut got).await.unwrap();

    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/base", collector.local_addr().unwrap());
    let stop = CancellationToken::new();
    let api = Api::new(control.clone(), chenapan_engine::registry(), Kinds::new());
    let to = Collector::new(&url).unwrap().every(Duration::from_millis(1)).service("shop");
    let to = to.header("authorization", "Bearer s3cret").unwrap();
    let pushing = tokio::spawn(to.push(api, stop.clone()));

    // One that is refused is followed by others.
    let refused = Push::next(&collector, "503 Service Unavailable").await;
    assert!(refused.head.starts_with("POST /base/v1/metrics HTTP/1.1\r\n"), "{}", refused.head);
    for line in ["content-type: application/x-protobuf\r\n", "authorization: Bearer s3cret\r\n"] {
        assert!(refused.head.contains(line), "{}", refused.head);
    }
    let push = Push::next(&collector, "200 OK").await;
    let resource = push.body.resource_metrics[0].resource.as_ref().unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let about = format!("service.name=shop,service.version={version},chenapan.seed=42");
    assert_eq!(labels(&resource.attributes), about);
    assert_eq!(push.counted("chenapan_accepted_connections"), [("proxy=db".to_owned(), 1)]);
    let bytes = push.counted("chenapan_bytes");
    assert_eq!(bytes[1], ("direction=upstream,proxy=db".to_owned(), 5), "{bytes:?}");
    let faults = push.counted("chenapan_rule_faults");
    assert_eq!(faults, [("behavior=delay,proxy=db,rule=delay".to_owned(), 1)]);
    let Some(metric::Data::Gauge(open)) = &push.metric("chenapan_open_connections").data else {
        panic!("no gauge");
    };
    assert_eq!(number(&open.data_points[0]), 1);

    // The end is pushed, too.
    stop.cancel();
    let mut last = None;
    let collecting = async {
        loop {
            last = Some(Push::next(&collector, "200 OK").await);
        }
    };
    tokio::select! {
        () = collecting => {}
        pushed = pushing => pushed.unwrap(),
    }
    let last = last.expect("a last push");
    assert_eq!(last.counted("chenapan_accepted_connections"), [("proxy=db".to_owned(), 1)]);
    control.stop(Duration::ZERO).await.unwrap();
}
