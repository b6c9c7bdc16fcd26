//! Numbers for a StatsD server: where they go, and the task that sends them.

use super::Failure;
use chenapan_core::{Chance, Form, Value};
use chenapan_engine::control::Control;
use chenapan_engine::endpoint::plain;
use chenapan_server::{Statsd, StatsdTarget};
use clap::Args;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Numbers {
    /// Send numbers to a StatsD server once a second
    #[arg(long, value_name = "HOST:PORT", env = "CHENAPAN_STATSD", hide_env = true)]
    statsd: Option<String>,
    /// First part of the names of these numbers [default: vaurien]
    #[arg(long, value_name = "NAME", alias = "statsd.prefix", hide = true)]
    statsd_prefix: Option<String>,
    /// Vaurien's flag for --statsd localhost:8125
    #[arg(long = "statsd.enabled", hide = true, conflicts_with = "statsd")]
    enabled: bool,
    /// Vaurien's name for the host of --statsd
    #[arg(long = "statsd.host", hide = true, default_value = "localhost")]
    statsd_host: String,
    /// Vaurien's name for the port of --statsd
    #[arg(long = "statsd.port", hide = true, default_value = "8125")]
    statsd_port: u16,
    /// Part of the delays that is sent, such as 0.1
    #[arg(
        long,
        value_name = "PART",
        aliases = ["statsd.sample-rate", "statsd.sample_rate"],
        value_parser = rate,
        hide = true
    )]
    statsd_sample_rate: Option<f64>,
}

fn rate(text: &str) -> Result<f64, String> {
    match Form::Chance.parse(text)? {
        Value::Chance(Chance(rate)) => Ok(rate),
        _ => Ok(1.0),
    }
}

impl Numbers {
    /// Returns the place for numbers: that of the flags, or else that of a file.
    pub(super) fn target(&self, file: Option<StatsdTarget>) -> Option<StatsdTarget> {
        let given = match (&self.statsd, self.enabled) {
            (Some(address), _) => Some(StatsdTarget::new(address)),
            (None, true) => {
                Some(StatsdTarget::new(format!("{}:{}", self.statsd_host, self.statsd_port)))
            }
            (None, false) => file,
        };
        given.map(|mut target| {
            target.prefix = self.statsd_prefix.clone().unwrap_or(target.prefix);
            target.sample_rate = self.statsd_sample_rate.unwrap_or(target.sample_rate);
            target
        })
    }

    /// Begins to send, where numbers are wanted.
    pub(super) async fn begin(
        &self,
        file: Option<StatsdTarget>,
        control: &Control,
    ) -> Result<Sending, Failure> {
        let stop = CancellationToken::new();
        let Some(target) = self.target(file) else { return Ok(Sending { stop, task: None }) };
        let address = target.address.clone();
        let statsd = Statsd::connect(target)
            .await
            .map_err(|error| Failure::run(format!("--statsd {address}: {}", plain(&error))))?;
        let task = tokio::spawn(statsd.serve(control.clone(), stop.clone()));
        Ok(Sending { stop, task: Some(task) })
    }
}

/// The task that sends numbers, if there is one.
pub(super) struct Sending {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Sending {
    /// Sends the last numbers.
    pub(super) async fn finish(self) {
        self.stop.cancel();
        if let Some(task) = self.task {
            // It waits for nothing.
            let _ = task.await;
        }
    }
}
