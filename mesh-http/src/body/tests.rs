//! Bodies read to each of their ends.

use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;

use super::*;

const COMPLETE: BodyEnd = BodyEnd::Complete { grpc_status: None };

const BROKEN: BodyEnd = BodyEnd::Error {
    failure: Some(Failure::Reset),
    flag: Flag::UpstreamRemoteReset,
};

/// A stream that ends as `frames` say.
fn stream(frames: Vec<Result<Frame<Bytes>, BoxError>>) -> Body {
    struct Frames(std::vec::IntoIter<Result<Frame<Bytes>, BoxError>>);
    impl HttpBody for Frames {
        type Data = Bytes;
        type Error = BoxError;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(self.0.next())
        }
    }
    Body::new(Frames(frames.into_iter()))
}

fn next(body: &mut Body) -> Option<Result<Frame<Bytes>, BoxError>> {
    let mut cx = Context::from_waker(Waker::noop());
    match Pin::new(body).poll_frame(&mut cx) {
        Poll::Ready(frame) => frame,
        Poll::Pending => panic!("pending"),
    }
}

type Heard = Arc<Mutex<Vec<BodyEnd>>>;

fn heard(mut body: Body) -> (Body, Heard) {
    let ends = Heard::default();
    let told = ends.clone();
    body.on_end(move |end| told.lock().unwrap().push(end));
    (body, ends)
}

#[test]
fn each_kind_knows_its_size_and_end() {
    let boxed = Body::new(Full::new(&b"four"[..]));
    for mut body in [Body::from("four"), boxed] {
        assert_eq!(body.size_hint().exact(), Some(4));
        assert!(!body.is_end_stream());
        assert_eq!(
            next(&mut body).unwrap().unwrap().into_data().unwrap(),
            "four"
        );
        assert!(body.is_end_stream());
        assert!(next(&mut body).is_none());
        assert_eq!(body.size_hint().exact(), Some(0));
    }
    for body in [
        Body::default(),
        Body::from(""),
        Body::new(Empty::<&[u8]>::new()),
    ] {
        assert!(body.is_end_stream() && matches!(body.kind, Kind::Empty));
    }
    assert_eq!(stream(vec![]).size_hint().exact(), None);
}

#[test]
fn the_end_is_told_once_and_as_it_was() {
    let data = || Ok(Frame::data(Bytes::from("data")));
    let trailers = |status| {
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static(status));
        Ok(Frame::trailers(trailers))
    };
    let not_found = BodyEnd::Complete {
        grpc_status: Some(5),
    };
    let cases = [
        (stream(vec![data()]), 1, BodyEnd::Dropped),
        (stream(vec![data()]), 2, COMPLETE),
        (stream(vec![data(), trailers("5")]), 2, not_found),
        (stream(vec![data(), Err("cut".into())]), 2, BROKEN),
        (Body::from("whole"), 0, BodyEnd::Dropped),
        // A reader that knows the length does not read on.
        (Body::from("whole"), 1, COMPLETE),
        (Body::empty(), 0, COMPLETE),
    ];
    for (body, frames, expected) in cases {
        let (mut body, ends) = heard(body);
        for _ in 0..frames {
            let _ = next(&mut body);
        }
        drop(body);
        assert_eq!(*ends.lock().unwrap(), [expected]);
    }
}

#[test]
fn guards_join() {
    struct Count(usize, Heard);
    impl OnEnd for Count {
        fn on_end(&mut self, end: BodyEnd) {
            self.1.lock().unwrap().extend(vec![end; self.0]);
        }
    }
    let ends = Heard::default();
    let mut body = Body::from("whole");
    body.on_end(Count(1, ends.clone()));
    let (body, others) = heard(body);
    drop(body);
    assert_eq!(*ends.lock().unwrap(), [BodyEnd::Dropped]);
    assert_eq!(*others.lock().unwrap(), [BodyEnd::Dropped]);
}

#[tokio::test]
async fn any_buffer_becomes_bytes() {
    let chain = Bytes::from("two ").chain(&b"parts"[..]);
    let body = Body::new(Full::new(chain));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "two parts");
}
