import type { Register } from '../command.ts'
import { registerBuildSpace } from './build-space.ts'
import { registerDemo } from './demo.ts'
import { registerEmbed } from './embed.ts'
import { registerMix } from './mix.ts'
import { registerTag } from './tag.ts'
import { registerTrainTagger } from './train-tagger.ts'

/** `aurochs music`: moods from sound, playlists, and mixes of both. */
export const register: Register = program => {
  const music = program
    .command('music')
    .description('music: moods from sound, songs and tags in one space, and playlists')
  registerTrainTagger(music)
  registerTag(music)
  registerEmbed(music)
  registerBuildSpace(music)
  registerMix(music)
  registerDemo(music)
}
