/** The bytes of a wav file of one channel of 16-bit samples; `samples` are ±1 at full scale, and cut there. */
export function wavOf(samples: Float32Array, rate: number): Uint8Array {
  const header = 44
  const bytes = Buffer.alloc(header + 2 * samples.length)
  bytes.write('RIFF', 0, 'latin1')
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write('WAVEfmt ', 8, 'latin1')
  bytes.writeUInt32LE(16, 16)
  // PCM, one channel.
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(rate, 24)
  bytes.writeUInt32LE(2 * rate, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36, 'latin1')
  bytes.writeUInt32LE(2 * samples.length, 40)
  for (let at = 0; at < samples.length; at++) {
    const value = Math.max(-1, Math.min(1, samples[at]!))
    bytes.writeInt16LE(Math.round(32_767 * value), header + 2 * at)
  }
  return bytes
}
