import { extname } from 'node:path'

/** The media types of the sound files that can be decoded, by how their names end: which files are looked for in directories, and what they are sent as. */
const soundTypes: Readonly<Record<string, string>> = {
  '.wav': 'audio/wav',
  '.flac': 'audio/flac',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.oga': 'audio/ogg',
  '.m4a': 'audio/mp4',
  '.mp4': 'audio/mp4',
  '.aac': 'audio/aac',
}

/** The media type of the sound file at `path`; undefined where it is none by its name. */
export function soundTypeOf(path: string): string | undefined {
  return soundTypes[extname(path).toLowerCase()]
}
