/** What workers do. */
import { writeFileSync } from 'node:fs'
import type { SongPlan } from '../songs.ts'
import { render } from './render.ts'
import { wavOf } from './wav.ts'

export function writeSound(job: { readonly song: SongPlan; readonly path: string; readonly rate: number }): void {
  writeFileSync(job.path, wavOf(render(job.song, job.rate), job.rate))
}
