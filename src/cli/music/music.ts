import type { Register } from '../command.ts'
import { registerBuildSpace } from './build-space.ts'
import { registerDemo } from './demo.ts'
import { registerEmbed } from './embed.ts'
import { registerMix } from './mix.ts'
import { registerTag } from './tag.ts'
import { registerTrainTagger } from './train-tagger.ts'

const exitCodes = `
Exit codes: 2 where an argument is wrong, also where it names a place that is not there or is taken; 3 where a song, tag, artist or user is
unknown; 1 where a file cannot be used, or some could not be analysed.
`

/** `aurochs music`: moods from sound, playlists, and mixes of both. */
export const register: Register = program => {
  const music = program
    .command('music')
    .description('music: moods from sound, songs and tags in one space, and playlists')
    .addHelpText('after', exitCodes)
  registerTrainTagger(music)
  registerTag(music)
  registerEmbed(music)
  registerBuildSpace(music)
  registerMix(music)
  registerDemo(music)
}
