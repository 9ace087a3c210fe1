//! The command line when disk space, open files or a cache are missing, or when its input must not be printed.

use crate::cli::{CACHE, by_id, cause, detail, fetch, finish, program, shell};
use crate::support::{origin, wasi_version};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::io::AsyncWriteExt;

fn script(origin_url: &str, more: &str) -> String {
    format!("\"$0\" fetch --wasi {} --allow-net 127.0.0.0/8 {origin_url} {more}", wasi_version())
}

/// Messages on standard error are not part of the result.
#[tokio::test]
async fn a_full_standard_error_does_not_affect_the_result() {
    let origin = origin().await;
    for (path, code) in [("/ok", 0), ("/close", 1)] {
        let output = finish(shell(&script(&origin.url(path), "2>/dev/full")).spawn().unwrap()).await;
        assert_eq!((output.code, output.lines.len()), (code, 1));
    }
    let output = shell("\"$0\" fetch 2>/dev/full").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "a usage error");
    let output = shell("\"$0\" fetch --policy missing.json http://a.test/ 2>/dev/full").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// A full disk is reported, unlike a reader that has left.
#[tokio::test]
async fn a_full_standard_output_is_reported_with_its_reason_and_a_summary() {
    let origin = origin().await;
    let output = finish(shell(&script(&origin.url("/ok"), ">/dev/full")).spawn().unwrap()).await;
    assert_eq!((output.code, output.lines.len()), (1, 0));
    assert!(output.stderr.contains("outcomes cannot be written: No space left on device"), "{}", output.stderr);
    assert!(output.stderr.contains("responses    1 (200 1)"), "{}", output.stderr);
}

#[tokio::test]
async fn a_malformed_line_keeps_the_id_and_url_that_can_be_parsed() {
    let origin = origin().await;
    let url = origin.url("/ok");
    let input = format!(
        "{{\"id\":1,\"url\":\"{url}\"}}\n{{\"id\":70,\"url\":\"http://me:secret@a.test/\",\"headr\":{{}}}}\n\
         {{\"url\":\"{url}\",\"id\":71,\"method\":\n{{\"id\":[],\"url\":5}}\n"
    );
    let output = fetch(&["--input", "-", "--order", "input"], input.as_bytes()).await;
    let reported: Vec<_> = output.lines.iter().map(|line| (line.id, line.url.as_str(), cause(line))).collect();
    let bad = "invalid-request";
    assert_eq!(reported, [(1, url.as_str(), ""), (70, "http://a.test/", bad), (71, url.as_str(), bad), (3, "", bad)]);
    assert!(detail(&output.lines[2]).starts_with("line 3: "), "{}", detail(&output.lines[2]));
}

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

#[tokio::test]
async fn a_detail_is_one_line_even_with_backtraces_enabled() {
    let origin = origin().await;
    let urls = ["/short", "/garbage", "/reset", "/close", "/chunked/5"].map(|path| origin.url(path));
    let version = wasi_version();
    let mut arguments = vec!["fetch", "--allow-net", "127.0.0.0/8", "--wasi", &version];
    arguments.extend(urls.iter().map(String::as_str));
    let child = program(&arguments).env("RUST_BACKTRACE", "1").env("RUST_LIB_BACKTRACE", "1").spawn().unwrap();
    let lines = by_id(finish(child).await.lines);
    assert_eq!(lines.len(), 5);
    for failure in lines.iter().filter_map(|line| line.result.as_ref().err()) {
        let detail = failure.detail.as_deref().unwrap_or_default();
        assert!(!detail.contains('\n') && !detail.contains("backtrace") && detail.len() <= 300, "{detail}");
    }
}

#[tokio::test]
async fn the_soft_limit_of_open_files_is_raised() {
    let origin = origin().await;
    let script = format!("ulimit -S -n 64; exec {}", script("", "--input - -c 200"));
    let mut child = shell(&script).spawn().unwrap();
    let input = format!("{}\n", origin.url("/delay/20")).repeat(500);
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes()).await;
    let output = finish(child).await;
    assert_eq!((output.code, output.lines.len()), (0, 500), "{}", output.stderr);
}

/// The compiled components in a cache, with their names.
fn compiled(cache: &Path) -> Vec<(String, Vec<u8>)> {
    let folders = std::fs::read_dir(cache.join("fantail/modules")).into_iter().flatten();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let named = files.map(|file| file.unwrap()).filter(|file| file.path().extension().is_none());
    named.map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap())).collect()
}

/// The second start uses what the first has compiled.
#[tokio::test]
async fn a_compiled_component_is_cached_for_the_next_start() {
    let origin = origin().await;
    let home = tempfile::tempdir().unwrap();
    let version = wasi_version();
    let url = origin.url("/ok");
    let arguments = ["fetch", "--allow-net", "127.0.0.0/8", "--wasi", &version, &url];
    let run = async || {
        let child = program(&arguments).env(CACHE.0, home.path()).spawn().unwrap();
        let output = finish(child).await;
        assert_eq!(output.code, 0, "{}", output.stderr);
        compiled(home.path())
    };
    let first = run().await;
    assert_eq!(first.len(), 1);
    let mode = std::fs::metadata(home.path().join("fantail")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "the cached code is executed");
    // An entry that cannot be used would be replaced.
    assert_eq!(run().await, first);
}

/// Everything works without a cache.
#[tokio::test]
async fn an_unusable_cache_is_ignored() {
    let origin = origin().await;
    let home = tempfile::tempdir().unwrap();
    let version = wasi_version();
    let url = origin.url("/ok");
    let arguments = ["fetch", "--allow-net", "127.0.0.0/8", "--wasi", &version, &url];
    let in_the_way = home.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let shared = home.path().join("others");
    std::fs::create_dir_all(shared.join("fantail")).unwrap();
    std::fs::set_permissions(shared.join("fantail"), PermissionsExt::from_mode(0o777)).unwrap();
    for cache in [&in_the_way, &shared] {
        let child = program(&arguments).env(CACHE.0, cache).spawn().unwrap();
        let output = finish(child).await;
        assert_eq!(output.code, 0, "{}", output.stderr);
    }
    assert_eq!(compiled(&shared), [], "other users may write there");
}
