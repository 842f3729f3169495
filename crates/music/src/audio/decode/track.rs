//! What the beginning of a file says of its sound.

use crate::audio::error::Fault;
use std::io::ErrorKind;
use symphonia::core::codecs::audio::{AudioCodecId, AudioDecoder, AudioDecoderOptions, well_known};
use symphonia::core::errors::Error;
use symphonia::core::formats::Track;
use symphonia::default::get_codecs;

/// Whether the samples that the encoder put before and behind the sound are left out here, not by the codec's decoder: where
/// the end is that of a header, which may be wrong.
pub(super) fn trims(track: &Track) -> bool {
    let params = track.codec_params.as_ref().and_then(|params| params.audio());
    params.is_some_and(|params| params.codec == well_known::CODEC_ID_MP3)
}

pub(super) fn decoder_of(track: &Track) -> Result<Box<dyn AudioDecoder>, Fault> {
    let Some(params) = track.codec_params.as_ref().and_then(|params| params.audio()) else {
        return Err(Fault::NoTrack);
    };
    let options = AudioDecoderOptions::default().gapless(!trims(track));
    get_codecs().make_audio_decoder(params, &options).map_err(|error| match error {
        Error::Unsupported(_) if get_codecs().get_audio_decoder(params.codec).is_none() => {
            Fault::UnknownCodec(name_of(params.codec))
        }
        error => Fault::Header(error.to_string()),
    })
}

/// The name of a codec that cannot be decoded here, but may be met in a format that is known.
fn name_of(codec: AudioCodecId) -> String {
    let name = match codec {
        // Of what is no sound much looks like these.
        well_known::CODEC_ID_MP1 => "MP1",
        well_known::CODEC_ID_MP2 => "MP2",
        well_known::CODEC_ID_OPUS => "Opus",
        well_known::CODEC_ID_SPEEX => "Speex",
        well_known::CODEC_ID_AC3 => "AC-3",
        well_known::CODEC_ID_EAC3 => "E-AC-3",
        well_known::CODEC_ID_ADPCM_MS | well_known::CODEC_ID_ADPCM_IMA_WAV => "ADPCM",
        other => return format!("an unknown codec ({other})"),
    };
    name.into()
}

pub(super) fn probe_fault(error: Error) -> Fault {
    match error {
        Error::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => Fault::Io(error),
        Error::IoError(_) => Fault::Header("it ends too early".into()),
        Error::Unsupported(reason) if reason.starts_with("core (probe)") => Fault::UnknownFormat,
        error => Fault::Header(error.to_string()),
    }
}

pub(super) fn seconds_of(track: &Track) -> Option<f64> {
    let base = track.time_base?;
    let seconds = track.duration?.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get());
    (seconds > 0.0).then_some(seconds)
}
