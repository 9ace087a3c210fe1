//! Bodies stored in files.

use crate::cli::{by_id, cause, detail, fetch, finish, shell};
use crate::support::{origin, wasi_version};
use fantail_wire::Body;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Simulates a full disk by a limit of 4 MiB on files (a lower one is too little for the memory of a component). Writing the last piece of
/// the body fails after the body has been handed over.
#[tokio::test]
async fn a_body_that_does_not_fit_on_disk_is_a_failure_and_leaves_no_file() {
    let origin = origin().await;
    let folder = tempfile::tempdir().unwrap();
    let bodies = folder.path().join("bodies");
    let script = format!(
        "trap '' XFSZ; ulimit -f 8192; exec \"$0\" fetch --wasi {} --allow-net 127.0.0.0/8 --output-dir {} {} {}",
        wasi_version(),
        bodies.display(),
        origin.url("/bytes/4210688"),
        origin.url("/ok"),
    );
    // A separate cache, as compiled components exceed the limit as well.
    let output = finish(shell(&script).env("XDG_CACHE_HOME", folder.path()).spawn().unwrap()).await;
    let lines = by_id(output.lines);
    let failure = lines[0].result.as_ref().unwrap_err();
    assert_eq!((cause(&lines[0]), failure.status, output.code), ("other", Some(200), 1));
    assert!(detail(&lines[0]).contains("cannot store the body"), "{}", detail(&lines[0]));
    assert!(detail(&lines[0]).contains("too large"), "{}", detail(&lines[0]));
    assert!(matches!(&lines[1].result.as_ref().unwrap().body, Body::File(_)));
    let names: Vec<_> = std::fs::read_dir(&bodies).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["1"], "no file of the failed body is left under any name");
    assert!(output.stderr.contains("failures     1 (other 1)"), "{}", output.stderr);
}

/// The URL of an origin that answers one request, with a second between head and body.
async fn slow_body(body: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let _ = tcp.read(&mut [0; 1024]).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        tcp.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        tcp.write_all(body).await.unwrap();
    });
    url
}

/// A download includes its body.
#[tokio::test]
async fn totals_include_stored_bodies_and_the_time_until_they_end() {
    let url = slow_body(&[b'x'; 200_000]).await;
    let folder = tempfile::tempdir().unwrap();
    let output = fetch(&["--output-dir", folder.path().to_str().unwrap(), &url], b"").await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.lines[0].timing.total >= Duration::from_secs(1), "{:?}", output.lines[0].timing);
    assert!(output.lines[0].timing.head.unwrap() < Duration::from_secs(1), "{:?}", output.lines[0].timing);
    assert!(output.stderr.contains("body bytes   200,000"), "{}", output.stderr);
    assert!(
        output.stderr.contains("requests     1 in 1.") || output.stderr.contains("requests     1 in 2."),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("network      195."), "the bytes received: {}", output.stderr);
}
