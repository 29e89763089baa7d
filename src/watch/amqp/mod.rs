//! A consumer of one durable queue, by AMQP 0.9.1: small, without a client library, for those that speak TLS bring a C library for
//! cryptography or forty crates for key stores.
//!
//! A message is acknowledged after it was kept; messages that come together are kept and acknowledged together.

mod frame;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::deposit::{LONGEST_MESSAGE, parse_deposit};
use super::{Intake, Metrics, Poison};
use crate::model::{BrokerSettings, SecretPlace};
pub use frame::FrameError;
use frame::{Heard, Value};

/// The broker has so long to answer until the first message may come.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// We say at least every so often that we are there, if the broker asks for no less.
const HEARTBEAT: u16 = 30;

/// The first pause before another attempt to connect; it doubles up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum AmqpError {
    /// It could not be made.
    #[error("cannot connect to {broker}")]
    Connect {
        /// The broker.
        broker: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Certificates that are to be trusted cannot be read.
    #[error("cannot read certificates from {path}: {reason}")]
    Authority {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// The user's name or password is not there.
    #[error("cannot read the {what} for the broker from {place}: {reason}")]
    Secret {
        /// `user` or `password`.
        what: &'static str,
        /// A variable or a file.
        place: String,
        /// Why not.
        reason: String,
    },
    /// It broke.
    #[error("the connection to the broker broke")]
    Broken(#[source] std::io::Error),
    /// The broker was silent for too long.
    #[error("the broker did not answer for {0:?}")]
    Silent(Duration),
    /// The broker closed it.
    #[error("the broker said {code}: {text}")]
    Closed {
        /// The reply code.
        code: u16,
        /// The reply text.
        text: String,
    },
    /// The queue was taken away.
    #[error("the queue was taken away")]
    Cancelled,
    /// The broker said what no broker says.
    #[error("the broker sent {0}")]
    Frame(#[from] FrameError),
    /// The broker said something at the wrong time.
    #[error("the broker answered {found}; expected {expected}")]
    Unexpected {
        /// What was expected.
        expected: &'static str,
        /// What came.
        found: String,
    },
    /// What came could not be kept: nothing was acknowledged.
    #[error("messages could not be kept, and were not acknowledged: {0}")]
    NotKept(String),
}

/// Who we are to the broker. The password is not shown.
pub struct Credentials {
    user: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads them from where the recipe says; `guest` if it says nothing.
    ///
    /// # Errors
    /// [`AmqpError::Secret`] if they are not there.
    pub fn read(settings: &BrokerSettings) -> Result<Self, AmqpError> {
        let read = |what, place: &Option<SecretPlace>| match place {
            None => Ok("guest".to_owned()),
            Some(place) => secret(place).map_err(|reason| AmqpError::Secret { what, place: place.to_string(), reason }),
        };
        Ok(Self { user: read("user", &settings.user)?, password: read("password", &settings.password)? })
    }
}

fn secret(place: &SecretPlace) -> Result<String, String> {
    match place {
        SecretPlace::Environment(name) => std::env::var(name).map_err(|error| error.to_string()),
        SecretPlace::File(path) => {
            std::fs::read_to_string(path).map(|text| text.trim().to_owned()).map_err(|error| error.to_string())
        }
    }
}

/// Listens until told to stop; connects again whatever happens to the connection.
pub async fn listen(
    settings: BrokerSettings,
    credentials: Credentials,
    intake: Arc<dyn Intake>,
    metrics: Arc<Metrics>,
    mut stop: Receiver<bool>,
) {
    let mut pause = PAUSES.0;
    while !*stop.borrow() {
        let (begun, kept) = (Instant::now(), metrics.kept());
        let ended = consume(&settings, &credentials, intake.as_ref(), &metrics, &mut stop).await;
        metrics.set_connected(false);
        let Err(error) = ended else { return };
        pause = pause_after(pause, metrics.kept() > kept, begun.elapsed());
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        tracing::warn!("{settings}: {error}{cause}; another attempt in {pause:?}");
        tokio::select! {
            () = sleep(pause) => {}
            _ = stop.changed() => return,
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// The pause after an attempt: the first if it came to something, or took longer than any pause; else the one that is next.
fn pause_after(next: Duration, has_kept: bool, took: Duration) -> Duration {
    if has_kept || took > PAUSES.1 { PAUSES.0 } else { next }
}

/// Consumes until told to stop.
async fn consume(
    settings: &BrokerSettings,
    credentials: &Credentials,
    intake: &dyn Intake,
    metrics: &Metrics,
    stop: &mut Receiver<bool>,
) -> Result<(), AmqpError> {
    let connected = tokio::select! {
        connected = timeout(HANDSHAKE, Wire::subscribe(settings, credentials)) => connected,
        _ = stop.changed() => return Ok(()),
    };
    let mut wire = connected.map_err(|_| AmqpError::Silent(HANDSHAKE))??;
    metrics.set_connected(true);
    tracing::info!("{settings}: waiting for messages");
    let mut messages = Messages::default();
    loop {
        while let Some(heard) = wire.decoded()? {
            messages.hear(heard)?;
        }
        let batch = std::mem::take(&mut messages.whole);
        if !batch.is_empty() {
            let answers = keep(batch, intake, metrics)?;
            wire.say(&answers).await?;
        }
        let beat = wire.next_heartbeat();
        tokio::select! {
            read = wire.read() => read?,
            () = sleep_until(beat) => wire.keep_alive().await?,
            _ = stop.changed() => {
                // Whether the broker hears it or not: what was kept is acknowledged.
                let _ = wire.say(&frame::close()).await;
                return Ok(());
            }
        }
    }
}

/// Keeps messages; what is to be said to the broker of them.
fn keep(batch: Vec<Message>, intake: &dyn Intake, metrics: &Metrics) -> Result<Vec<u8>, AmqpError> {
    let (mut deposits, mut poisons, mut answers, mut last_good) = (Vec::new(), Vec::new(), Vec::new(), None);
    for message in batch {
        let parsed = match message.too_long {
            None => parse_deposit(&message.body),
            Some(size) => Err(super::DepositError::Length(size)),
        };
        match parsed {
            Ok(deposit) => {
                deposits.push(deposit);
                last_good = Some(message.tag);
            }
            Err(error) => {
                answers.extend(frame::reject(message.tag));
                poisons.push(Poison { reason: error.to_string(), body: message.body });
            }
        }
    }
    // The disk is waited for: the runtime's other tasks go on elsewhere.
    tokio::task::block_in_place(|| intake.keep(&deposits, &poisons)).map_err(AmqpError::NotKept)?;
    metrics.count_kept(deposits.len(), poisons.len());
    // Those that were refused are no longer outstanding: what is acknowledged up to the last good one are the good ones.
    answers.extend(last_good.map(frame::ack).unwrap_or_default());
    Ok(answers)
}

/// A message that is whole.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    tag: u64,
    /// Its beginning, if it is too long.
    body: Vec<u8>,
    too_long: Option<u64>,
}

/// Messages as they come in pieces.
#[derive(Debug, Default)]
struct Messages {
    whole: Vec<Message>,
    tag: Option<u64>,
    /// The message that comes, and how many bytes of it are still to come.
    open: Option<(Message, u64)>,
}

impl Messages {
    fn hear(&mut self, heard: Heard) -> Result<(), AmqpError> {
        match heard {
            Heard::Deliver { tag } => self.tag = Some(tag),
            Heard::Header { size } => {
                let tag = self.tag.take().ok_or_else(|| unexpected("a message", &"the head of none"))?;
                let too_long = (size > LONGEST_MESSAGE as u64).then_some(size);
                self.open = Some((Message { tag, body: Vec::new(), too_long }, size));
                self.finish();
            }
            Heard::Body(bytes) => {
                let (message, left) = self.open.as_mut().ok_or_else(|| unexpected("a message", &"the body of none"))?;
                *left = left
                    .checked_sub(bytes.len() as u64)
                    .ok_or_else(|| unexpected("a message of the length that was told", &"more"))?;
                let room = LONGEST_MESSAGE.saturating_sub(message.body.len());
                message.body.extend(bytes.into_iter().take(room));
                self.finish();
            }
            Heard::Cancelled => return Err(AmqpError::Cancelled),
            Heard::Closed { code, text, .. } => return Err(AmqpError::Closed { code, text }),
            Heard::Heartbeat | Heard::Answer(..) => {}
            other => return Err(unexpected("messages", &other)),
        }
        Ok(())
    }

    fn finish(&mut self) {
        if let Some((message, _)) = self.open.take_if(|(_, left)| *left == 0) {
            self.whole.push(message);
        }
    }
}

/// The messages of what a broker sends after the handshake, and how many bytes of it were understood: what fuzzing holds against the rule.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn messages_in(bytes: &[u8]) -> (usize, Vec<Vec<u8>>) {
    let (mut messages, mut at) = (Messages::default(), 0);
    while let Ok(Some((length, heard))) = frame::decode(&bytes[at..]) {
        at += length;
        if messages.hear(heard).is_err() {
            break;
        }
    }
    (at, messages.whole.into_iter().map(|message| message.body).collect())
}

fn unexpected(expected: &'static str, found: &impl fmt::Debug) -> AmqpError {
    AmqpError::Unexpected { expected, found: format!("{found:?}") }
}

/// An open connection.
struct Wire {
    stream: Box<dyn tls::Stream>,
    incoming: BytesMut,
    heartbeat: Duration,
    heard: Instant,
    said: Instant,
}

impl Wire {
    /// Connects, and asks for the messages of the queue.
    async fn subscribe(settings: &BrokerSettings, credentials: &Credentials) -> Result<Self, AmqpError> {
        let stream = tls::connect(settings).await?;
        let (incoming, now) = (BytesMut::new(), Instant::now());
        let mut wire =
            Self { stream, incoming, heartbeat: Duration::from_secs(HEARTBEAT.into()), heard: now, said: now };
        wire.say(frame::PROTOCOL).await?;
        match wire.hear().await? {
            Heard::Start { mechanisms } if mechanisms.split(' ').any(|word| word == "PLAIN") => {}
            other => return Err(unexpected("connection.start with PLAIN", &other)),
        }
        wire.say(&frame::start_ok(&credentials.user, &credentials.password)).await?;
        let (frame_max, heartbeat) = match wire.hear().await? {
            Heard::Tune { frame_max, heartbeat } => (frame_max, heartbeat),
            other => return Err(refused("connection.tune", &other)),
        };
        let heartbeat = if heartbeat == 0 { HEARTBEAT } else { heartbeat.min(HEARTBEAT) };
        wire.heartbeat = Duration::from_secs(heartbeat.into());
        let frame_max = if frame_max == 0 { frame::FRAME_MAX } else { frame_max.min(frame::FRAME_MAX) };
        wire.say(&frame::tune_ok(frame_max, heartbeat)).await?;
        wire.ask(&frame::open(&settings.vhost), (10, 41), "connection.open-ok").await?;
        wire.ask(&frame::channel_open(), (20, 11), "channel.open-ok").await?;
        wire.ask(&frame::qos(settings.prefetch), (60, 11), "basic.qos-ok").await?;
        wire.prepare_queue(settings).await?;
        wire.ask(&frame::consume(&settings.queue), (60, 21), "basic.consume-ok").await?;
        Ok(wire)
    }

    async fn prepare_queue(&mut self, settings: &BrokerSettings) -> Result<(), AmqpError> {
        let declared = (50, 11);
        let mut arguments = Vec::new();
        if let Some(dead_letter) = &settings.dead_letter {
            self.ask(&frame::declare(dead_letter, !settings.declare, &[]), declared, "queue.declare-ok").await?;
            arguments.push(("x-dead-letter-exchange", Value::Text("")));
            arguments.push(("x-dead-letter-routing-key", Value::Text(dead_letter)));
        }
        let declare = frame::declare(&settings.queue, !settings.declare, &arguments);
        self.ask(&declare, declared, "queue.declare-ok").await?;
        if let Some(exchange) = &settings.exchange {
            let bind = frame::bind(&settings.queue, exchange, &settings.routing_key);
            self.ask(&bind, (50, 21), "queue.bind-ok").await?;
        }
        Ok(())
    }

    async fn ask(&mut self, question: &[u8], answer: (u16, u16), name: &'static str) -> Result<(), AmqpError> {
        self.say(question).await?;
        match self.hear().await? {
            Heard::Answer(class, method) if (class, method) == answer => Ok(()),
            other => Err(refused(name, &other)),
        }
    }

    async fn say(&mut self, bytes: &[u8]) -> Result<(), AmqpError> {
        // A broker that takes nothing is gone.
        let limit = self.heartbeat * 2;
        let said = timeout(limit, async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        });
        said.await.map_err(|_| AmqpError::Silent(limit))?.map_err(AmqpError::Broken)?;
        self.said = Instant::now();
        Ok(())
    }

    /// The next that is no heartbeat.
    async fn hear(&mut self) -> Result<Heard, AmqpError> {
        loop {
            match self.decoded()? {
                Some(Heard::Heartbeat) => {}
                Some(heard) => return Ok(heard),
                None => self.read().await?,
            }
        }
    }

    fn decoded(&mut self) -> Result<Option<Heard>, AmqpError> {
        let Some((length, heard)) = frame::decode(&self.incoming)? else { return Ok(None) };
        self.incoming.advance(length);
        Ok(Some(heard))
    }

    /// Reads what has come; may be dropped before it is done.
    async fn read(&mut self) -> Result<(), AmqpError> {
        self.incoming.reserve(64 << 10);
        let read = self.stream.read_buf(&mut self.incoming).await.map_err(AmqpError::Broken)?;
        if read == 0 {
            return Err(AmqpError::Broken(std::io::ErrorKind::UnexpectedEof.into()));
        }
        self.heard = Instant::now();
        Ok(())
    }

    fn next_heartbeat(&self) -> Instant {
        self.said + self.heartbeat / 2
    }

    async fn keep_alive(&mut self) -> Result<(), AmqpError> {
        let silence = self.heard.elapsed();
        if silence > self.heartbeat * 2 {
            return Err(AmqpError::Silent(silence));
        }
        self.say(&frame::heartbeat()).await?;
        Ok(())
    }
}

/// A refusal in the broker's words, or something unexpected.
fn refused(expected: &'static str, heard: &Heard) -> AmqpError {
    match heard {
        Heard::Closed { code, text, .. } => AmqpError::Closed { code: *code, text: text.clone() },
        other => unexpected(expected, other),
    }
}

#[cfg(test)]
mod tests;
