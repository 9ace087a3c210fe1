//! What is asked, on a thread of its own.

use fantail_origin::Origin;
use tokio::runtime::Builder;

/// Starts it, for as long as the process lives; gives the URL of a short answer.
pub(crate) fn start() -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let origin = Origin::start().await.expect("a port");
            sender.send(origin.url("/ok")).expect("somebody listens");
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().expect("the origin starts")
}
