//! Metrics as OTLP has them: the same families under the same names.

use super::collected;
use super::family::{Family, Value};
use crate::api::Api;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
    metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

/// Facts that a collector gets beside the metrics; times are in nanoseconds since 1970.
#[derive(Clone, Debug)]
pub(crate) struct Exported {
    /// Name of the service that has these metrics.
    pub(crate) service: String,
    /// Time from which counters count.
    pub(crate) began: u64,
    /// Time at which they were read.
    pub(crate) read: u64,
}

/// Returns all metrics as the body of a request to a collector.
pub(crate) fn exported(api: &Api, about: &Exported) -> Vec<u8> {
    let families = collected::sheet(api).families();
    let metrics = families.into_iter().map(|family| metric(family, about)).collect();
    let version = env!("CARGO_PKG_VERSION");
    let scope = InstrumentationScope {
        name: "chenapan".to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    let scope = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
    let seed = api.control().seed().to_string();
    let attributes = vec![
        pair("service.name", about.service.clone()),
        pair("service.version", version.to_owned()),
        pair("chenapan.seed", seed),
    ];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_metrics = vec![scope];
    let all = ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![all] }.encode_to_vec()
}

fn metric(family: Family, about: &Exported) -> Metric {
    let points = family.series.into_iter().map(|(labels, value)| NumberDataPoint {
        attributes: labels.into_iter().map(|(name, text)| pair(name, text)).collect(),
        start_time_unix_nano: about.began,
        time_unix_nano: about.read,
        value: Some(match value {
            Value::Number(number) => {
                number_data_point::Value::AsInt(i64::try_from(number).unwrap_or(i64::MAX))
            }
            Value::Time(time) => number_data_point::Value::AsDouble(time.as_secs_f64()),
        }),
        ..NumberDataPoint::default()
    });
    let data_points = points.collect();
    let data = match family.grows {
        true => metric::Data::Sum(Sum {
            data_points,
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        }),
        false => metric::Data::Gauge(Gauge { data_points }),
    };
    Metric { name: family.name, description: family.help, data: Some(data), ..Metric::default() }
}

fn pair(key: &str, value: String) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value)) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
