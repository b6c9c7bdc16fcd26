//! Metrics of `serve` that are pushed to a collector of OpenTelemetry: its flag, and the variables of
//! OpenTelemetry.

use super::Failure;
use chenapan_server::Api;
use clap::Args;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Pushed {
    /// Collector of OpenTelemetry to which metrics are pushed, such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL", hide = !cfg!(feature = "otlp"))]
    otlp: Option<String>,
}

impl Pushed {
    /// Begins to push, where there is a collector.
    #[cfg(not(feature = "otlp"))]
    pub(super) fn start(
        &self,
        _: &Api,
        _: &CancellationToken,
    ) -> Result<Option<JoinHandle<()>>, Failure> {
        match self.otlp {
            None => Ok(None),
            Some(_) => Err(Failure::usage(
                "--otlp: this program was built without it; cargo install chenapan --features otlp \
                 builds one that has it, and /metrics is always there",
            )),
        }
    }

    /// Begins to push, where there is a collector.
    #[cfg(feature = "otlp")]
    pub(super) fn start(
        &self,
        api: &Api,
        stop: &CancellationToken,
    ) -> Result<Option<JoinHandle<()>>, Failure> {
        let collector = variables::collector(self.otlp.as_deref())?;
        let push = |collector: chenapan_server::Collector| {
            tokio::spawn(collector.push(api.clone(), stop.clone()))
        };
        Ok(collector.map(push))
    }
}

/// The variables of OpenTelemetry's specification.
#[cfg(feature = "otlp")]
mod variables {
    use super::Failure;
    use chenapan_server::Collector;
    use std::time::Duration;

    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
    const INTERVAL: &str = "OTEL_METRIC_EXPORT_INTERVAL";
    const SERVICE: &str = "OTEL_SERVICE_NAME";

    /// Returns the collector of a flag, or else of the environment.
    pub(super) fn collector(flag: Option<&str>) -> Result<Option<Collector>, Failure> {
        let (name, url) = match flag {
            Some(url) => ("--otlp", Some(url.to_owned())),
            None => (ENDPOINT, variable(ENDPOINT)),
        };
        let Some(url) = url else { return Ok(None) };
        let wrong = |name: &str, why: &str| Failure::usage(format!("{name}: {why}"));
        let mut collector = Collector::new(&url).map_err(|why| wrong(name, &why))?;
        if let Some(millis) = variable(INTERVAL) {
            let millis = millis.parse().ok().filter(|millis| *millis > 0);
            let millis =
                millis.ok_or_else(|| wrong(INTERVAL, "expected a number of milliseconds"))?;
            collector = collector.every(Duration::from_millis(millis));
        }
        if let Some(service) = variable(SERVICE) {
            collector = collector.service(&service);
        }
        let headers = variable(HEADERS).unwrap_or_default();
        for header in headers.split(',').map(str::trim).filter(|header| !header.is_empty()) {
            let form = || wrong(HEADERS, "expected name=value,name=value");
            let (name, value) = header.split_once('=').ok_or_else(form)?;
            let value = decoded(value.trim()).ok_or_else(form)?;
            collector =
                collector.header(name.trim(), &value).map_err(|why| wrong(HEADERS, &why))?;
        }
        Ok(Some(collector))
    }

    fn variable(name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    /// Returns a value without its percent signs, as in a header Baggage.
    fn decoded(value: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let mut rest = value.as_bytes();
        while let [first, after @ ..] = rest {
            rest = after;
            match first {
                b'%' => {
                    let (digits, after) = rest.split_at_checked(2)?;
                    let digits = std::str::from_utf8(digits).ok()?;
                    bytes.push(u8::from_str_radix(digits, 16).ok()?);
                    rest = after;
                }
                byte => bytes.push(*byte),
            }
        }
        String::from_utf8(bytes).ok()
    }

    #[cfg(test)]
    mod tests {
        use super::decoded;

        #[test]
        fn percent_signs_stand_for_bytes() {
            assert_eq!(decoded("Basic%20a%C3%A9=").as_deref(), Some("Basic aé="));
            for wrong in ["%", "%2", "%zz", "%FF"] {
                assert_eq!(decoded(wrong), None, "{wrong}");
            }
        }
    }
}
