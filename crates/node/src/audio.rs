//! Sound files as frames of mel bands.

use aurochs_music::audio::{self, BANDS, MelOptions, Scale};
use napi::ScopedTask;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Frames of a call at most: 24 MiB.
const MOST_FRAMES: u32 = 65_536;

/// Which frames of a sound file are read; see `aurochs_music::audio::MelOptions`.
#[napi(object, object_to_js = false)]
pub struct MelReaderOptions {
    /// `log` or `power`.
    pub scale: String,
    /// Seconds.
    pub from: f64,
    /// Seconds; to the end when absent.
    pub to: Option<f64>,
}

impl MelReaderOptions {
    fn parsed(&self) -> Result<MelOptions> {
        let scale = match self.scale.as_str() {
            "log" => Scale::Log,
            "power" => Scale::Power,
            other => return Err(invalid(format!("scale must be log or power, got {other}"))),
        };
        let to = self.to.unwrap_or(f64::INFINITY);
        if !(self.from >= 0.0 && self.from.is_finite() && to >= 0.0) {
            let message = format!("from and to must be seconds, at least 0, got {} and {to}", self.from);
            return Err(invalid(message));
        }
        Ok(MelOptions { scale, from: self.from, to })
    }
}

/// The next frames of a sound file, and what is known of it by then.
#[napi(object, object_from_js = false)]
pub struct MelPart<'env> {
    /// (frames × 96)
    pub values: Float32ArraySlice<'env>,
    /// The first frame that was asked for, by its number in the file.
    pub first: f64,
    /// Samples a second.
    pub rate: u32,
    pub channels: u32,
    /// Such as `mp3`.
    pub codec: String,
    /// By the beginning of the file, where that says so; it need not be true.
    pub declared_seconds: Option<f64>,
    /// From the beginning of the file to where it was read.
    pub decoded_seconds: f64,
    /// Packets that could not be decoded, and were left out, so far.
    pub failed_packets: f64,
    /// Samples so far that were no finite numbers, or beyond ±10⁶, and count as 0.
    pub broken_samples: f64,
}

/// The frames of a sound file, 96 mel bands each, in order.
#[napi]
pub struct MelReader(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Set at once, while a thread may still read.
    is_closed: AtomicBool,
}

enum State {
    New(PathBuf, MelOptions),
    Open(Box<audio::MelReader>),
    Closed,
}

/// A reader of the sound file at `path`, which the first read opens.
#[napi(catch_unwind)]
pub fn mel_reader(path: String, options: MelReaderOptions) -> Result<MelReader> {
    let state = Mutex::new(State::New(path.into(), options.parsed()?));
    Ok(MelReader(Arc::new(Shared { state, is_closed: AtomicBool::new(false) })))
}

#[napi]
impl MelReader {
    /// The next `frames` frames, from 0 to 65536, by a thread of the system's pool: fewer only at the end. After an error the
    /// reader is closed.
    #[napi(catch_unwind, ts_return_type = "Promise<MelPart>")]
    pub fn read(&self, frames: u32) -> Result<AsyncTask<ReadFrames>> {
        check_frames(frames)?;
        Ok(AsyncTask::new(ReadFrames { shared: self.0.clone(), frames }))
    }

    /// The same by this thread, which waits: for jobs of workers.
    #[napi(catch_unwind)]
    pub fn read_sync<'env>(&self, env: &'env Env, frames: u32) -> Result<MelPart<'env>> {
        check_frames(frames)?;
        self.0.read(frames)?.part(env)
    }

    /// Closes the file, when what is being read has been. Reads are refused from now on.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        if let Ok(mut state) = self.0.state.try_lock() {
            *state = State::Closed;
        }
    }
}

/// A read that a thread of the system's pool does.
pub struct ReadFrames {
    shared: Arc<Shared>,
    frames: u32,
}

impl<'env> ScopedTask<'env> for ReadFrames {
    type Output = Frames;
    type JsValue = MelPart<'env>;

    fn compute(&mut self) -> Result<Frames> {
        self.shared.read(self.frames)
    }

    fn resolve(&mut self, env: &'env Env, frames: Frames) -> Result<MelPart<'env>> {
        frames.part(env)
    }
}

/// What was read, before it is JavaScript's.
pub struct Frames {
    values: Vec<f32>,
    first: u64,
    sound: audio::Sound,
    seconds: f64,
    damage: audio::Damage,
}

impl Frames {
    fn part<'env>(self, env: &'env Env) -> Result<MelPart<'env>> {
        let Frames { values, first, sound, seconds, damage } = self;
        Ok(MelPart {
            values: Float32ArraySlice::copy_from(env, values)?,
            first: first as f64,
            rate: sound.rate,
            channels: sound.channels,
            codec: sound.codec.into(),
            declared_seconds: sound.seconds,
            decoded_seconds: seconds,
            failed_packets: damage.failed_packets as f64,
            broken_samples: damage.broken_samples as f64,
        })
    }
}

impl Shared {
    fn read(&self, frames: u32) -> Result<Frames> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Not that of `napi`, which a thread of the pool does not pass through. What a panic leaves is closed.
        let read = catch_unwind(AssertUnwindSafe(|| self.next(&mut state, frames)));
        let read = read.unwrap_or_else(|_| Err(Error::from_reason("the decoder failed in a way that it should not")));
        if read.is_err() || self.is_closed.load(Ordering::Acquire) {
            *state = State::Closed;
        }
        read
    }

    fn next(&self, state: &mut MutexGuard<'_, State>, frames: u32) -> Result<Frames> {
        let failed = |error: audio::AudioError| Error::from_reason(error.to_string());
        if self.is_closed.load(Ordering::Acquire) {
            **state = State::Closed;
        }
        if let State::New(path, options) = &**state {
            **state = State::Open(Box::new(audio::MelReader::open(path, *options).map_err(failed)?));
        }
        let State::Open(reader) = &mut **state else {
            return Err(Error::from_reason("the reader is closed: make another"));
        };
        let mut values = vec![0.0; frames as usize * BANDS];
        let count = reader.read(&mut values).map_err(failed)?;
        values.truncate(count * BANDS);
        let (first, seconds, damage) = (reader.first(), reader.seconds(), reader.damage());
        Ok(Frames { values, first, sound: reader.sound().clone(), seconds, damage })
    }
}

fn check_frames(frames: u32) -> Result<()> {
    if frames <= MOST_FRAMES {
        return Ok(());
    }
    Err(invalid(format!("frames must be a whole number from 0 to {MOST_FRAMES}, got {frames}")))
}

fn invalid(message: String) -> Error {
    Error::new(Status::InvalidArg, message)
}
