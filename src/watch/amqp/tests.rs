#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

#[test]
fn messages_come_in_pieces() {
    let mut messages = Messages::default();
    for heard in [
        Heard::Deliver { tag: 1 },
        Heard::Header { size: 5 },
        Heard::Body(b"hel".to_vec()),
        Heard::Body(b"lo".to_vec()),
        Heard::Deliver { tag: 2 },
        Heard::Header { size: 0 },
    ] {
        messages.hear(heard).unwrap();
    }
    let message = |tag, body: &[u8]| Message { tag, body: body.to_vec(), too_long: None };
    assert_eq!(messages.whole, [message(1, b"hello"), message(2, b"")]);
    assert!(messages.hear(Heard::Body(b"x".to_vec())).is_err());
    messages.hear(Heard::Deliver { tag: 3 }).unwrap();
    messages.hear(Heard::Header { size: 1 }).unwrap();
    assert!(messages.hear(Heard::Body(b"xy".to_vec())).is_err(), "longer than was told");
}

/// Something that a broker may say, in any order.
fn said() -> impl Strategy<Value = Heard> {
    prop_oneof![
        any::<u64>().prop_map(|tag| Heard::Deliver { tag }),
        prop_oneof![0u64..40, any::<u64>()].prop_map(|size| Heard::Header { size }),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Heard::Body),
        Just(Heard::Heartbeat),
        (any::<u16>(), any::<u16>()).prop_map(|(class, method)| Heard::Answer(class, method)),
    ]
}

proptest! {
    #[test]
    fn no_message_is_longer_than_what_was_sent(sent in prop::collection::vec(said(), 0..40)) {
        let bytes: usize = sent.iter().map(|heard| if let Heard::Body(bytes) = heard { bytes.len() } else { 0 }).sum();
        let mut messages = Messages::default();
        let _ = sent.into_iter().try_for_each(|heard| messages.hear(heard));
        prop_assert!(messages.whole.iter().map(|message| message.body.len()).sum::<usize>() <= bytes);
        prop_assert!(messages.whole.iter().all(|message| message.too_long.is_none()));
    }

    #[test]
    fn messages_come_back_however_they_are_cut(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6), cut in 1usize..30) {
        let mut messages = Messages::default();
        for (tag, body) in (1u64..).zip(&bodies) {
            messages.hear(Heard::Deliver { tag }).unwrap();
            messages.hear(Heard::Header { size: body.len() as u64 }).unwrap();
            body.chunks(cut).try_for_each(|piece| messages.hear(Heard::Body(piece.to_vec()))).unwrap();
        }
        let heard: Vec<_> = messages.whole.iter().map(|message| (message.tag, message.body.clone())).collect();
        prop_assert_eq!(heard, (1u64..).zip(bodies).collect::<Vec<_>>());
    }
}

#[test]
fn a_long_message_is_not_held() {
    let mut messages = Messages::default();
    let size = 3 * LONGEST_MESSAGE as u64;
    messages.hear(Heard::Deliver { tag: 1 }).unwrap();
    messages.hear(Heard::Header { size }).unwrap();
    for _ in 0..3 {
        messages.hear(Heard::Body(vec![b'x'; LONGEST_MESSAGE])).unwrap();
    }
    let message = messages.whole.pop().unwrap();
    assert_eq!((message.body.len(), message.too_long), (LONGEST_MESSAGE, Some(size)));
}

#[test]
fn the_pause_grows_while_nothing_is_kept() {
    let (next, moment) = (Duration::from_secs(2), Duration::from_millis(20));
    assert_eq!(pause_after(next, false, moment), next, "connected, but nothing could be kept");
    assert_eq!(pause_after(next, true, moment), PAUSES.0);
    assert_eq!(pause_after(next, false, PAUSES.1 + moment), PAUSES.0);
}

#[test]
fn passwords_are_not_shown() {
    let credentials = Credentials { user: "me".into(), password: "hunter2".into() };
    assert!(!format!("{credentials:?}").contains("hunter2"));
}
