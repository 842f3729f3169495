import type { HttpRequest } from 'uWebSockets.js'
import { rangeOf } from '../http/range.ts'
import type { Reply } from '../http/reply.ts'
import type { AudioFile } from './audio-files.ts'

/** What of a request says which part of a file it wants. */
export interface WantedPart {
  readonly range: string
  readonly ifRange: string
  readonly ifNoneMatch: string
}

/** To be read within the request's handler. */
export function wantedPart(request: Pick<HttpRequest, 'getHeader'>): WantedPart {
  const header = (name: string) => request.getHeader(name)
  return { range: header('range'), ifRange: header('if-range'), ifNoneMatch: header('if-none-match') }
}

/** Bytes that are read at a time. */
const pieceBytes = 128 * 1024

/** Sends a sound file, or the part of it that is wanted; closes it in any case. */
export async function sendAudio(reply: Reply, file: AudioFile, wanted: WantedPart): Promise<void> {
  const { handle, type, size, etag } = file
  const headers: [string, string][] = [
    ['accept-ranges', 'bytes'],
    ['etag', etag],
    ['cache-control', 'private, no-cache'],
    ['x-content-type-options', 'nosniff'],
    ['content-security-policy', "default-src 'none'; sandbox"],
    ['cross-origin-resource-policy', 'same-origin'],
  ]
  try {
    if (wanted.ifNoneMatch === etag) return reply.notModified(headers)
    const isSame = wanted.ifRange === '' || wanted.ifRange === etag
    const range = isSame ? rangeOf(wanted.range, size) : undefined
    if (range === 'unsatisfiable') {
      return reply.send(416, 'text/plain; charset=utf-8', '', [...headers, ['content-range', `bytes */${size}`]])
    }
    const { begin, end } = range ?? { begin: 0, end: size }
    if (range) headers.push(['content-range', `bytes ${begin}-${end - 1}/${size}`])
    // One for all pieces: the next is read when the network has taken the one before. As many that wait to be collected were 4 MB a reader.
    const piece = Buffer.allocUnsafeSlow(Math.min(pieceBytes, end - begin))
    await reply.stream(range ? 206 : 200, type, headers, {
      length: end - begin,
      read: async offset => {
        const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, end - begin - offset), begin + offset)
        if (bytesRead === 0) throw new Error('a sound file became shorter while it was sent')
        return piece.subarray(0, bytesRead)
      },
    })
  } finally {
    await handle.close()
  }
}

/** Opens the sound file of a song. @throws {ServiceError} where there is none. */
export type AudioOf = (song: string, client: string, signal: AbortSignal) => Promise<AudioFile>
