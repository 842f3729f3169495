import type { Results } from '../../protocol/methods.ts'
import type { musicMethods } from '../../protocol/music-methods.ts'
import type { Handlers } from '../handler.ts'
import { withoutUndefined } from '../without-undefined.ts'
import { type Mixes, withTaster } from './mixes.ts'

/** The methods of music. */
export function musicHandlers(mixes: Mixes): Handlers<keyof typeof musicMethods> {
  return {
    music_mix: (params, signal, client, { onlyUser }) => mixes.mix(withTaster(params, onlyUser), { client, signal }),
    music_continue: (params, signal, client, { onlyUser }) =>
      mixes.continue(withTaster(params, onlyUser), { client, signal }),
    music_tags: async (query, signal, client) => {
      const { space, result } = await mixes.call({ client, signal }, 'tags', query)
      return withoutUndefined({ space, tags: result }) as Results['music_tags']
    },
    music_song: async ({ song, nearest }, signal, client) => {
      const { space, result } = await mixes.call({ client, signal }, 'song', song, nearest)
      return withoutUndefined({ space, ...result }) as Results['music_song']
    },
    music_songs: async (query, signal, client) => {
      const { space, result } = await mixes.call({ client, signal }, 'songs', query)
      return withoutUndefined({ space, songs: result }) as Results['music_songs']
    },
    music_map: async ({ limit }, signal, client) => {
      const { space, result } = await mixes.call({ client, signal }, 'map', limit)
      return { space, ...result }
    },
  }
}
