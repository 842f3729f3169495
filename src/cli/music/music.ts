import type { Register } from '../command.ts'
import { registerBuildSpace } from './build-space.ts'

/** `aurochs music`: moods from sound, playlists, and mixes of both. */
export const register: Register = program => {
  const music = program.command('music').description('songs and tags in one space, and playlists of them')
  registerBuildSpace(music)
}
