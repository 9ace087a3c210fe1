//! Options from a configuration file.

use crate::support::{Output, origin, program, run, run_command};
use std::path::Path;

fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("config.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The request as the origin saw it.
fn echoed(output: &Output) -> String {
    assert_eq!(output.code, 0, "{}", output.stderr);
    output.lines()[0]["body"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_profile_gives_options_and_those_of_the_command_line_come_before() {
    let (origin, folder) = (origin().await, tempfile::tempdir().unwrap());
    let config = write(
        folder.path(),
        r#"
        [profiles.other]
        user-agent = "wrong"

        [profiles.ci]
        allow-net = "127.0.0.0/8"
        user-agent = "ci/1"
        header = ["x-one: 1", "x-two: 2"]
        user = "ada:word"
        concurrency = 3
        location = 2
        body = "discard"
        compressed = true
        http2-prior-knowledge = false
        "#,
    );
    let url = origin.url("/redirect/302?/echo");
    let common = ["fetch", "--config", &config, "--profile", "ci"];
    let output = run(&[common.as_slice(), &["--body", "bytes", "-H", "x-three: 3", &url]].concat(), b"").await;
    let echo = echoed(&output);
    for part in
        ["user-agent: ci/1", "x-one: 1", "x-two: 2", "x-three: 3", "authorization: Basic ", "accept-encoding: gzip"]
    {
        assert!(echo.contains(part), "{part}: {echo}");
    }
    let output = run(&[common.as_slice(), &["-A", "given", "--body=bytes", &origin.url("/echo")]].concat(), b"").await;
    assert!(echoed(&output).contains("user-agent: given\r\n"));
    // What excludes an option of the profile takes its place.
    let stored = folder.path().join("bodies");
    let output =
        run(&[common.as_slice(), &["--output-dir", stored.to_str().unwrap(), "-L=1", &url]].concat(), b"").await;
    assert!(output.code == 0 && stored.join("0").exists(), "{}", output.stderr);
}

#[tokio::test]
async fn the_users_own_file_is_read_if_no_other_is_named() {
    let (origin, folder) = (origin().await, tempfile::tempdir().unwrap());
    std::fs::create_dir(folder.path().join("fantail")).unwrap();
    write(&folder.path().join("fantail"), "[profiles.local]\nallow-net = [\"127.0.0.1\"]\nuser-agent = 'own/1'\n");
    let url = origin.url("/echo");
    let mut command = program(&["fetch", "--profile", "local", &url]);
    command.env("XDG_CONFIG_HOME", folder.path());
    assert!(echoed(&run_command(command, b"").await).contains("user-agent: own/1\r\n"));
    // Without a profile nothing of it holds.
    let mut command = program(&["fetch", &url]);
    command.env("XDG_CONFIG_HOME", folder.path());
    assert_eq!(run_command(command, b"").await.code, 1);
}

#[tokio::test]
async fn mistakes_in_the_file_are_named_with_what_was_meant_and_without_values() {
    let (origin, folder) = (origin().await, tempfile::tempdir().unwrap());
    let url = origin.url("/ok");
    for (text, message) in [
        (
            "[profiles.ci]\nconcurency = 4\npasword = 'pass-word'",
            "there is no option concurency: did you mean concurrency?",
        ),
        ("[profiles.cid]\nuser = 'pass-word'", "there is no profile ci: did you mean cid?"),
        ("[profiles.nightly]\n[profiles.weekly]", "there is no profile ci; there is nightly, weekly"),
        ("[profile.ci]\nuser = 'pass-word'", "there is no section profile: did you mean profiles?"),
        ("", "it has no profiles: write [profiles.ci]"),
        ("[profiles.ci]\nuser = 'pass-word", "line 2: "),
        ("[profiles]\nci = 'pass-word'", "profiles.ci is not a table of options"),
        ("[profiles.ci]\nuser = { a = 'pass-word' }", "user is a text, a number, or a list of these"),
        ("[profiles.ci]\ncompressed = 'pass-word'", "compressed is true or false"),
        ("[profiles.ci]\nconfig = 'pass-word'", "there is no option config"),
        ("[profiles.ci]\nconcurrency = 'x'\nuser = 'pass-word'", "was read, with the options --concurrency, --user"),
        ("[profiles.ci]\nuser = 'pass-word'", "-u: expected USER:PASSWORD"),
        ("[profiles.ci]\nproxy = 'https://ada:pass-word@a.test'", "--proxy: not a proxy"),
    ] {
        let config = write(folder.path(), text);
        let output = run(&["fetch", "--config", &config, "--profile", "ci", &url], b"").await;
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{text}");
        assert!(output.stderr.contains(message), "{text}: {}", output.stderr);
        assert!(!output.stderr.contains("pass-word"), "{text}: {}", output.stderr);
    }
    let missing = run(&["fetch", "--config", "missing.toml", "--profile", "ci", &url], b"").await;
    assert!(missing.code == 2 && missing.stderr.contains("cannot read missing.toml"), "{}", missing.stderr);
    let alone = run(&["fetch", "--config", "missing.toml", &url], b"").await;
    assert!(alone.code == 2 && alone.stderr.contains("--profile"), "{}", alone.stderr);
    assert_eq!(origin.counts().connections, 0);
}

#[tokio::test]
async fn an_invalid_pattern_is_answered_with_the_one_that_was_meant() {
    for (pattern, meant) in [
        ("example.com", "did you mean https://example.com?"),
        ("htps://*.example.com", "did you mean https://*.example.com?"),
        ("http://example.com/path", "did you mean http://example.com?"),
    ] {
        let output = run(&["fetch", "--allow", pattern, "http://a.test/"], b"").await;
        assert!(output.code == 2 && output.stderr.contains(meant), "{pattern}: {}", output.stderr);
    }
}
