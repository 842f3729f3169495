import { extname } from 'node:path'

/** The media types of sound files, by how their names end: which files are looked for in directories, and what they are sent as. */
const soundTypes: Readonly<Record<string, string>> = {
  '.wav': 'audio/wav',
  '.flac': 'audio/flac',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
  '.oga': 'audio/ogg',
  '.opus': 'audio/ogg',
  '.m4a': 'audio/mp4',
  '.mp4': 'audio/mp4',
  '.aac': 'audio/aac',
  '.aif': 'audio/aiff',
  '.aiff': 'audio/aiff',
}

/** The media type of the sound file at `path`; undefined where it is none by its name. */
export function soundTypeOf(path: string): string | undefined {
  return soundTypes[extname(path).toLowerCase()]
}
