import type { Register } from '../command.ts'
import { registerEmbed } from './embed.ts'
import { registerTag } from './tag.ts'
import { registerTrainTagger } from './train-tagger.ts'

/** `aurochs music`: what sounds are like, and playlists. */
export const register: Register = program => {
  const music = program.command('music').description('music: moods from sound, and playlists')
  registerTrainTagger(music)
  registerTag(music)
  registerEmbed(music)
}
