//! One channel from several.

use symphonia::core::audio::conv::IntoSample;
use symphonia::core::audio::sample::Sample;
use symphonia::core::audio::{Audio, AudioBuffer, GenericAudioBufferRef};

/// Values beyond this, 120 dB above full scale, are as broken as those that are no numbers: their power would overflow.
const MOST_SAMPLE: f32 = 1e6;

/// Writes the means of the channels to `mono`, which is empty; gives how many were broken and are 0.
pub(super) fn mono_of(buffer: GenericAudioBufferRef<'_>, mono: &mut Vec<f32>) -> u64 {
    match buffer {
        GenericAudioBufferRef::U8(buffer) => mix(buffer, mono),
        GenericAudioBufferRef::U16(buffer) => mix(buffer, mono),
        GenericAudioBufferRef::U24(buffer) => mix(buffer, mono),
        GenericAudioBufferRef::U32(buffer) => mix(buffer, mono),
        GenericAudioBufferRef::S8(buffer) => mix(buffer, mono),
        GenericAudioBufferRef::S16(buffer) => mix(buffer, mono),
        GenericAudioBufferRef::S24(buffer) => mix(buffer, mono),
        GenericAudioBufferRef::S32(buffer) => mix(buffer, mono),
        GenericAudioBufferRef::F32(buffer) => mix(buffer, mono),
        GenericAudioBufferRef::F64(buffer) => mix(buffer, mono),
    }
}

fn mix<S: Sample + IntoSample<f32>>(buffer: &AudioBuffer<S>, mono: &mut Vec<f32>) -> u64 {
    let mut planes = buffer.iter_planes();
    let convert = |&sample: &S| -> f32 { sample.into_sample() };
    if let Some(first) = planes.next() {
        mono.extend(first.iter().map(convert));
    }
    for plane in planes {
        for (sum, sample) in mono.iter_mut().zip(plane) {
            *sum += convert(sample);
        }
    }
    let share = 1.0 / buffer.num_planes() as f32;
    let mut broken = 0;
    for sample in mono {
        *sample *= share;
        let is_broken = sample.is_nan() || sample.abs() > MOST_SAMPLE;
        broken += u64::from(is_broken);
        if is_broken {
            *sample = 0.0;
        }
    }
    broken
}
