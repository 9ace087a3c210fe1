//! The origin of the benchmarks, on a thread of its own.

use fantail_origin::Origin;
use tokio::runtime::Builder;

/// Starts an origin that lives as long as the process, and returns the URL of a short response.
pub(crate) fn start() -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let origin = Origin::start().await.expect("a port");
            sender.send(origin.url("/ok")).expect("the receiver is waiting");
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().expect("the origin starts")
}
