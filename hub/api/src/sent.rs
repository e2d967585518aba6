//! An answer on its way: in slices, counted, given up when its client does not take it.
//!
//! A client that asks and then does not read holds what was made for it. Every stream has a [`Pulse`]: until when its
//! client has to take what it was given. [`guarded`] drives the stream and ends it when that time is over, which resets
//! the one stream of HTTP/2, or the connection of HTTP/1.1.
//!
//! Guarantees:
//! 1. What is held for one stream beside its source is two slices of [`SLICE`] bytes, whatever its client does.
//! 2. A client that takes nothing for `stalled`, or an answer that has an end more slowly than [`SLOWEST`] after the first
//!    while, is given up. One that is up to date owes nothing, so a watch of what does not change lasts.
//!
//! What it refuses to know: what is sent.

use crate::{
    answer::{Body, Broken},
    audit::Line,
};
use bytes::Bytes;
use hyper::{
    body::{Body as _, Frame, SizeHint},
    rt::Executor,
};
use parking_lot::Mutex;
use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;

/// The most bytes that are handed over at once.
const SLICE: usize = 64 << 10;
/// How many bytes a second a client must take of an answer that has an end.
const SLOWEST: u64 = 64 << 10;

tokio::task_local! {
    static PULSE: Arc<Pulse>;
}

/// Until when a client has to take what it was given.
#[derive(Debug, Default)]
struct Pulse(Mutex<Owed>);

#[derive(Debug, Default, Clone, Copy)]
enum Owed {
    #[default]
    Nothing,
    Until(Instant),
    /// It did not.
    GivenUp,
}

impl Pulse {
    fn set(&self, owed: Owed) {
        *self.0.lock() = owed;
    }
}

/// Drives a stream, or a connection, until it ends or its client has taken nothing for too long: then `None`.
pub(crate) async fn guarded<F: Future + Send>(stream: F) -> Option<F::Output> {
    let pulse = Arc::new(Pulse::default());
    let mut stream = Box::pin(stream);
    let mut patience = Box::pin(tokio::time::sleep(Duration::ZERO));
    let guarded = poll_fn(|context| {
        if let Poll::Ready(ended) = stream.as_mut().poll(context) {
            return Poll::Ready(Some(ended));
        }
        let Owed::Until(until) = *pulse.0.lock() else { return Poll::Pending };
        if patience.deadline() != until {
            patience.as_mut().reset(until);
        }
        patience.as_mut().poll(context).map(|()| {
            pulse.set(Owed::GivenUp);
            None
        })
    });
    PULSE.scope(Arc::clone(&pulse), guarded).await
}

/// Runs the streams of HTTP/2 connections, each guarded by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Streams;

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        shared_runtime::spawn("stream", async move {
            let _ended = guarded(stream).await;
        });
    }
}

/// A body on its way.
#[derive(Debug)]
pub(crate) struct Sent {
    body: Body,
    rest: Bytes,
    bytes: u64,
    began: Instant,
    stalled: Duration,
    /// Whether it has an end that a client has to get to.
    ends: bool,
    pulse: Option<Arc<Pulse>>,
    /// Written when the body ends.
    line: Option<Line>,
}

impl Sent {
    /// `endless` is a watch.
    pub(crate) fn new(body: Body, line: Line, stalled: Duration, endless: bool) -> Self {
        let mut line = Some(line);
        if let Some(bytes) = body.size_hint().exact() {
            // Nothing can come in between any more: the line is there before the answer.
            line.take().expect("it was just put there").sent(bytes);
        }
        let pulse = PULSE.try_with(Arc::clone).ok();
        let began = Instant::now();
        Self { body, rest: Bytes::new(), bytes: 0, began, stalled, ends: !endless, pulse, line }
    }

    fn give(&mut self, mut data: Bytes) -> Frame<Bytes> {
        if data.len() > SLICE {
            self.rest = data.split_off(SLICE);
        }
        self.bytes += data.len() as u64;
        if let Some(pulse) = &self.pulse {
            let mut until = Instant::now() + self.stalled;
            if self.ends {
                let pace = Duration::from_secs(self.bytes / SLOWEST);
                until = until.min(self.began + self.stalled * 2 + pace);
            }
            pulse.set(Owed::Until(until));
        }
        Frame::data(data)
    }

    fn is_over(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn quiet(&self) {
        if let Some(pulse) = &self.pulse {
            pulse.set(Owed::Nothing);
        }
    }
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            return Poll::Ready(Some(Ok(self.give(rest))));
        }
        self.quiet();
        match std::task::ready!(Pin::new(&mut self.body).poll_frame(context)) {
            Some(Ok(frame)) => Poll::Ready(Some(match frame.into_data() {
                Ok(data) => Ok(self.give(data)),
                Err(other) => Ok(other),
            })),
            Some(Err(Broken)) => {
                if let Some(line) = self.line.take() {
                    line.broken(self.bytes, "broken off");
                }
                Poll::Ready(Some(Err(Broken)))
            }
            None => {
                if let Some(line) = self.line.take() {
                    line.sent(self.bytes);
                }
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match self.body.size_hint().exact() {
            Some(bytes) => SizeHint::with_exact(bytes + self.rest.len() as u64),
            None => SizeHint::new(),
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        let given_up = self.pulse.as_ref().is_some_and(|pulse| matches!(*pulse.0.lock(), Owed::GivenUp));
        if let Some(line) = self.line.take() {
            match (self.is_over(), given_up) {
                (true, _) => line.sent(self.bytes),
                (false, true) => line.broken(self.bytes, "not taken in time"),
                (false, false) => line.broken(self.bytes, "left"),
            }
        }
        if !given_up {
            self.quiet();
        }
    }
}
