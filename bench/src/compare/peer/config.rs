//! The configurations of haproxy and nginx, as text.

use crate::compare::limits;
use crate::compare::peer::{Route, Splicing};
use std::path::Path;

/// haproxy with two threads in TCP mode.
pub(crate) fn haproxy(route: Route, splicing: Splicing) -> String {
    let Route { listen, backend } = route;
    let connections = (limits::open_files() / 4).min(8000);
    let (pipes, options) = match splicing {
        Splicing::Default => (String::new(), ""),
        Splicing::Forced => (
            // A pipe for each direction of the busiest workload, with room to spare.
            format!("    maxpipes {}\n", connections / 8),
            "    option splice-request\n    option splice-response\n",
        ),
    };
    format!(
        "global
    nbthread 2
    maxconn {connections}
{pipes}
defaults
    mode tcp
    timeout connect 5s
    timeout client 1m
    timeout server 1m
{options}
listen proxy
    bind {listen}
    server backend {backend}
"
    )
}

/// nginx with two workers and a stream server.
pub(crate) fn nginx(route: Route, module: Option<&Path>, directory: &Path) -> String {
    let Route { listen, backend } = route;
    let connections = (limits::open_files() / 2).min(16_000);
    let load = module.map(|path| format!("load_module {};\n", path.display()));
    let load = load.unwrap_or_default();
    let pid = directory.join("nginx.pid");
    format!(
        "{load}worker_processes 2;
daemon off;
error_log stderr crit;
pid {pid};
events {{
    worker_connections {connections};
}}
stream {{
    server {{
        listen {listen};
        proxy_pass {backend};
        proxy_timeout 1m;
    }}
}}
",
        pid = pid.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route() -> Route {
        Route {
            listen: "127.0.0.1:1111".parse().unwrap(),
            backend: "127.0.0.1:2222".parse().unwrap(),
        }
    }

    #[test]
    fn haproxy_splices_only_when_forced() {
        assert!(!haproxy(route(), Splicing::Default).contains("splice"));
        let forced = haproxy(route(), Splicing::Forced);
        assert!(forced.contains("option splice-response\n"));
        assert!(forced.contains("maxpipes "));
    }

    #[test]
    fn nginx_loads_the_module_unless_it_is_compiled_in() {
        let with = nginx(route(), Some(Path::new("/m/stream.so")), Path::new("/d"));
        assert!(with.starts_with("load_module /m/stream.so;\n"));
        assert!(nginx(route(), None, Path::new("/d")).starts_with("worker_processes"));
    }
}
