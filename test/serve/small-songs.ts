import type { SmallSong } from '../music/small-space.ts'

/** Songs with the ids of the items of the small model: from calm to rock, every third in the rain; of ten artists. */
export const smallSongs: readonly SmallSong[] = Array.from({ length: 40 }, (_, at) => ({
  id: `i${at}`,
  tags: { calm: 1 - at / 50, rock: (at + 1) / 50, ...(at % 3 === 0 && { rain: 0.6 }) },
  energy: at / 40,
  title: `Title ${at}`,
  artist: `Artist ${at % 10}`,
  duration: 200,
  ...(at < 3 && { file: `song ${at}.wav` }),
}))
