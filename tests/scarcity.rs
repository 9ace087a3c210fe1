//! The command line where something is lacking: room to write, files, a cache; or where what it is told must not be told on.

use crate::cli::{CACHE, by_id, cause, detail, fetch, program, ran, shell};
use crate::support::{origin, version};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::io::AsyncWriteExt;

fn script(origin_url: &str, more: &str) -> String {
    format!("\"$0\" fetch --wasi {} --allow-net 127.0.0.0/8 {origin_url} {more}", version())
}

/// C1: what is said to people is no part of the work.
#[tokio::test]
async fn a_standard_error_that_is_full_changes_nothing() {
    let origin = origin().await;
    for (path, code) in [("/ok", 0), ("/close", 1)] {
        let ran = ran(shell(&script(&origin.url(path), "2>/dev/full")).spawn().unwrap()).await;
        assert_eq!((ran.code, ran.lines.len()), (code, 1));
    }
    let output = shell("\"$0\" fetch 2>/dev/full").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "a mistake in the command");
    let output = shell("\"$0\" fetch --policy missing.json http://a.test/ 2>/dev/full").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// C2: a disk that is full is not a reader that has left.
#[tokio::test]
async fn a_standard_output_that_is_full_is_said_with_its_reason_and_summed_up() {
    let origin = origin().await;
    let ran = ran(shell(&script(&origin.url("/ok"), ">/dev/full")).spawn().unwrap()).await;
    assert_eq!((ran.code, ran.lines.len()), (1, 0));
    assert!(ran.stderr.contains("outcomes cannot be written: No space left on device"), "{}", ran.stderr);
    assert!(ran.stderr.contains("responses    1 (2xx 1)"), "{}", ran.stderr);
}

/// T11
#[tokio::test]
async fn a_malformed_line_keeps_the_id_and_the_url_that_can_be_read() {
    let origin = origin().await;
    let url = origin.url("/ok");
    let input = format!(
        "{{\"id\":1,\"url\":\"{url}\"}}\n{{\"id\":70,\"url\":\"http://me:secret@a.test/\",\"headr\":{{}}}}\n\
         {{\"url\":\"{url}\",\"id\":71,\"method\":\n{{\"id\":\"x\",\"url\":5}}\n"
    );
    let ran = fetch(&["--input", "-", "--order", "input"], input.as_bytes()).await;
    let told: Vec<_> = ran.lines.iter().map(|line| (line.id, line.url.as_str(), cause(line))).collect();
    let bad = "invalid-request";
    assert_eq!(told, [(1, url.as_str(), ""), (70, "http://a.test/", bad), (71, url.as_str(), bad), (3, "", bad)]);
    assert!(detail(&ran.lines[2]).starts_with("line 3: "), "{}", detail(&ran.lines[2]));
}

/// T12
#[tokio::test]
async fn credentials_in_a_url_are_not_printed() {
    let input = b"http://user:secret@127.0.0.1:1/\nhttp://user:secret@[::1\nuser:secret@127.0.0.1/\n";
    let mut child = program(&["fetch", "--input", "-"]).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    for shown in [output.stdout, output.stderr] {
        let shown = String::from_utf8(shown).unwrap();
        assert!(!shown.contains("secret") && !shown.contains("user:"), "{shown}");
    }
}

/// T14
#[tokio::test]
async fn a_detail_is_one_line_whatever_the_environment_says_of_backtraces() {
    let origin = origin().await;
    let urls = ["/short", "/garbage", "/reset", "/close", "/chunked/5"].map(|path| origin.url(path));
    let version = version();
    let mut arguments = vec!["fetch", "--allow-net", "127.0.0.0/8", "--wasi", &version];
    arguments.extend(urls.iter().map(String::as_str));
    let child = program(&arguments).env("RUST_BACKTRACE", "1").env("RUST_LIB_BACKTRACE", "1").spawn().unwrap();
    let lines = by_id(ran(child).await.lines);
    assert_eq!(lines.len(), 5);
    for failure in lines.iter().filter_map(|line| line.result.as_ref().err()) {
        let detail = failure.detail.as_deref().unwrap_or_default();
        assert!(!detail.contains('\n') && !detail.contains("backtrace") && detail.len() <= 300, "{detail}");
    }
}

/// L16
#[tokio::test]
async fn the_usual_limit_of_open_files_is_raised_as_far_as_it_may_be() {
    let origin = origin().await;
    let script = format!("ulimit -S -n 64; exec {}", script("", "--input - -c 200"));
    let mut child = shell(&script).spawn().unwrap();
    let input = format!("{}\n", origin.url("/delay/20")).repeat(500);
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
    let ran = ran(child).await;
    assert_eq!((ran.code, ran.lines.len()), (0, 500), "{}", ran.stderr);
}

/// The compiled components in a cache, by name.
fn compiled(cache: &Path) -> Vec<(String, Vec<u8>)> {
    let folders = std::fs::read_dir(cache.join("fantail/modules")).into_iter().flatten();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let named = files.map(|file| file.unwrap()).filter(|file| file.path().extension().is_none());
    named.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

/// C6: the second start finds what the first has compiled.
#[tokio::test]
async fn a_component_is_compiled_once_and_kept_for_the_next_start() {
    let origin = origin().await;
    let home = tempfile::tempdir().unwrap();
    let version = version();
    let url = origin.url("/ok");
    let arguments = ["fetch", "--allow-net", "127.0.0.0/8", "--wasi", &version, &url];
    let run = async || {
        let child = program(&arguments).env(CACHE.0, home.path()).spawn().unwrap();
        let ran = ran(child).await;
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        compiled(home.path())
    };
    let first = run().await;
    assert_eq!(first.len(), 1);
    let mode = std::fs::metadata(home.path().join("fantail")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "what is in there is run");
    // One that cannot be used would be replaced.
    assert_eq!(run().await, first);
}

/// C6: without a cache everything works.
#[tokio::test]
async fn a_cache_that_cannot_be_had_is_gone_without() {
    let origin = origin().await;
    let home = tempfile::tempdir().unwrap();
    let version = version();
    let url = origin.url("/ok");
    let arguments = ["fetch", "--allow-net", "127.0.0.0/8", "--wasi", &version, &url];
    let in_the_way = home.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let others = home.path().join("others");
    std::fs::create_dir_all(others.join("fantail")).unwrap();
    std::fs::set_permissions(others.join("fantail"), PermissionsExt::from_mode(0o777)).unwrap();
    for cache in [&in_the_way, &others] {
        let child = program(&arguments).env(CACHE.0, cache).spawn().unwrap();
        let ran = ran(child).await;
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    assert_eq!(compiled(&others), [], "others may write there");
}
