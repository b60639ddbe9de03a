//! Bodies: collecting a request's within its limits, throwing an unwanted one away, sending a reply's.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::EXPECT;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::net::principal::Principal;
use crate::server::http::{ReplyBody, StreamAborted};
use crate::server::refusal::Refusal;
use crate::server::registry::Source;
use crate::server::tracker::{Phase, Tracker};

/// How much of an unwanted body is read so that the connection can be kept.
const MAX_DRAINED_BYTES: u64 = 1024 * 1024;

/// Bodies up to this size are not counted: the limit on connections bounds them.
const SMALL_BYTES: usize = 64 * 1024;

/// The memory of all large bodies that are being read or worked on. Nobody gets all of it: a body may grow as long as
/// those of its caller take no more than is free then.
#[derive(Debug, Default)]
pub(super) struct LargeBodies(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    taken: usize,
    by_caller: HashMap<Whose, usize>,
}

/// Who sends a body.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) enum Whose {
    Known(Principal),
    Stranger(Source),
}

/// What one body takes of that memory, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    of: &'a LargeBodies,
    whose: Whose,
    limit: usize,
    bytes: usize,
}

impl LargeBodies {
    /// A body's share, of `limit` bytes for all.
    pub(super) fn share(&self, whose: Whose, limit: usize) -> Share<'_> {
        Share {
            of: self,
            whose,
            limit,
            bytes: 0,
        }
    }
}

impl Share<'_> {
    /// The body has grown to `bytes`.
    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        if bytes <= SMALL_BYTES {
            return Ok(());
        }
        let more = bytes - self.bytes;
        let mut all = self.of.0.lock();
        let free = self.limit.saturating_sub(all.taken);
        let own = all.by_caller.get(&self.whose).copied().unwrap_or(0);
        let left = free.checked_sub(more).ok_or(Refusal::Busy)?;
        if own + more > left {
            return Err(Refusal::TooMuchForOne);
        }
        all.taken += more;
        all.by_caller.insert(self.whose.clone(), own + more);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut all = self.of.0.lock();
        all.taken -= self.bytes;
        if let Some(own) = all.by_caller.get_mut(&self.whose) {
            *own -= self.bytes;
            if *own == 0 {
                all.by_caller.remove(&self.whose);
            }
        }
    }
}

/// Collects the body, in most cases a single piece that is not copied.
pub(super) async fn collect(
    body: Incoming,
    limit: usize,
    share: &mut Share<'_>,
    tracker: &Tracker,
) -> Result<Bytes, Refusal> {
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut joined: Option<BytesMut> = None;
    while !body.is_end_stream() {
        let Some(data) = next_data(body.as_mut(), tracker).await? else {
            break;
        };
        let have = joined.as_ref().map_or(first.len(), BytesMut::len);
        if data.len() > limit - have {
            return Err(Refusal::BodyTooLarge { limit });
        }
        share.grow(have + data.len())?;
        match &mut joined {
            Some(joined) => joined.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                let rest = usize::try_from(body.size_hint().lower()).unwrap_or(0);
                let mut both = BytesMut::with_capacity((have + data.len() + rest).min(limit));
                both.extend_from_slice(&first);
                both.extend_from_slice(&data);
                joined = Some(both);
            }
        }
    }
    tracker.enter(Phase::Working);
    Ok(joined.map_or(first, BytesMut::freeze))
}

/// The next piece of the body; `None` at its end. Trailers are passed over.
async fn next_data(mut body: Pin<&mut Incoming>, tracker: &Tracker) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = poll_fn(|cx| {
            if tracker.body_is_overdue() {
                return Poll::Ready(Err(Refusal::BodyOverdue));
            }
            let polled = body.as_mut().poll_frame(cx);
            if polled.is_pending() && tracker.phase() != Phase::Body {
                tracker.enter(Phase::Body);
            }
            polled.map(Ok)
        });
        match frame.await? {
            None => return Ok(None),
            Some(Err(_)) => return Err(Refusal::BodyBroken),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Gets rid of the body of a refused request. A short one that is on its way is read and thrown away so
/// that the connection can be kept; `false` if it cannot: the body is long, or the client waits for
/// `100 Continue` and may or may not send it.
pub(super) fn dismiss(body: Incoming, headers: &HeaderMap, tracker: &Arc<Tracker>) -> bool {
    if body.is_end_stream() {
        return true;
    }
    let short = body
        .size_hint()
        .upper()
        .is_none_or(|bytes| bytes <= MAX_DRAINED_BYTES);
    let kept = short && !headers.contains_key(EXPECT);
    if kept {
        tokio::spawn(drain(body, Arc::clone(tracker)));
    }
    kept
}

async fn drain(body: Incoming, tracker: Arc<Tracker>) {
    let mut body = pin!(body);
    let mut drained = 0;
    // hyper tells the end of a body of known length by the count alone until the next head has come.
    while !body.is_end_stream() {
        let Some(Ok(frame)) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await else {
            break;
        };
        drained += frame.data_ref().map_or(0, |data| data.len() as u64);
        if drained > MAX_DRAINED_BYTES {
            return;
        }
    }
    tracker.note_drained();
}

/// A reply's body as hyper sends it.
pub(super) enum OutgoingBody {
    Full(Bytes),
    Stream(mpsc::Receiver<Result<Bytes, StreamAborted>>, Arc<Tracker>),
}

impl OutgoingBody {
    /// From now on the connection waits for the peer to take the reply, or for the next piece of it.
    pub(super) fn begin(body: ReplyBody, tracker: &Arc<Tracker>) -> Self {
        match body {
            ReplyBody::Full(bytes) => {
                tracker.enter(Phase::Writing);
                Self::Full(bytes)
            }
            ReplyBody::Stream(receiver) => {
                tracker.enter(Phase::Streaming);
                Self::Stream(receiver, Arc::clone(tracker))
            }
        }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = StreamAborted;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamAborted>>> {
        match &mut *self {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Stream(receiver, tracker) => {
                let polled = receiver.poll_recv(cx);
                if matches!(polled, Poll::Ready(None)) {
                    tracker.enter(Phase::Writing);
                }
                polled.map_ok(Frame::data)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Full(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(..) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_all_of_the_memory() {
        const MIB: usize = 1024 * 1024;
        let bodies = LargeBodies::default();
        let share = |name| bodies.share(Whose::Known(Principal::for_test(name)), 12 * MIB);
        let (mut one, mut two) = (share("ann"), share("ann"));
        assert_eq!(one.grow(4 * MIB), Ok(()));
        assert_eq!(two.grow(SMALL_BYTES), Ok(()), "small ones always");
        assert_eq!(two.grow(2 * MIB), Ok(()));
        assert_eq!(two.grow(2 * MIB + 1), Err(Refusal::TooMuchForOne));
        let mut other = share("bob");
        assert_eq!(other.grow(3 * MIB), Ok(()), "others have room");
        let mut third = bodies.share(Whose::Stranger(Source::User(1)), 12 * MIB);
        assert_eq!(third.grow(4 * MIB), Err(Refusal::Busy));
        drop((one, other));
        assert_eq!(two.grow(6 * MIB), Ok(()));
        drop((two, third));
        let counted = bodies.0.lock();
        assert_eq!((counted.taken, counted.by_caller.len()), (0, 0));
    }
}
