//! A loopback HTTP/1.1 origin that misbehaves on request: the path says how.
//!
//! | path | answer |
//! | --- | --- |
//! | `/ok` and anything else not listed | 200, `hello world` |
//! | `/status/N` | status N, empty |
//! | `/bytes/N`, `/chunked/N` | N bytes with a content-length, or in chunks |
//! | `/delay/MS` | `hello world` after MS milliseconds |
//! | `/flaky/N` | `hello world`, but every Nth request of the origin gets 503 |
//! | `/stall/N/MS` | `hello world`, to every Nth request of the origin after MS milliseconds |
//! | `/echo` | the request as it arrived: request line, headers, body |
//! | `/headers/N` | N header lines |
//! | `/hang` | nothing, ever |
//! | `/slow-head` | a head of one byte every 100 ms |
//! | `/drip/MS` | a body of one byte every MS milliseconds, without end |
//! | `/endless` | a body as fast as it is read, without end |
//! | `/short` | 44 bytes promised, 6 sent, then the end |
//! | `/close`, `/reset` | the connection ends before any answer, with FIN or RST |
//! | `/garbage` | bytes that are not HTTP |

mod answer;
mod connection;
mod count;
mod request;
mod serve;

pub use count::Counts;
pub use serve::Origin;
