/**
 * A model that is served has its directory, in which others take its place, and beside it `DIRECTORY.previous`, which it took
 * the place of, and `DIRECTORY.next`, which may take its place.
 */
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { exchangeDirectories } from '../storage/directory.ts'
import { Artifact } from './artifact.ts'

export function previousOf(directory: string): string {
  return `${resolve(directory)}.previous`
}

export function nextOf(directory: string): string {
  return `${resolve(directory)}.next`
}

/**
 * Puts the model in `nextOf(directory)` into the place of the one at `directory`, which is kept as the previous one. Killed at
 * any moment, `directory` holds one or the other, and {@link recoverPublished} ends what was begun.
 */
export async function publishNext(directory: string): Promise<void> {
  await exchangeDirectories(nextOf(directory), resolve(directory))
  await keepAsPrevious(directory)
}

/** After a kill: keeps a model that was replaced as the previous one, and removes one that was not published. */
export async function recoverPublished(directory: string): Promise<void> {
  const next = nextOf(directory)
  if (!existsSync(next)) return
  if (createdAt(next) < createdAt(directory)) await keepAsPrevious(directory)
  else await rm(next, { recursive: true, force: true })
}

/**
 * Puts the previous model into the place of the one at `directory`, which becomes the previous one: done twice, all is as before.
 *
 * @throws Error when there is none.
 */
export async function rollBackModel(directory: string): Promise<void> {
  const previous = previousOf(directory)
  if (!existsSync(previous)) {
    throw new Error(
      `there is no ${previous}: only a model that was published in the place of another can be rolled back`,
    )
  }
  // What is not whole takes nobody's place.
  Artifact.open(previous).close()
  await exchangeDirectories(previous, resolve(directory))
}

/** `next` holds the model that was replaced. */
async function keepAsPrevious(directory: string): Promise<void> {
  const previous = previousOf(directory)
  await rm(previous, { recursive: true, force: true })
  await rename(nextOf(directory), previous)
}

/** In ms since 1970; what is no model is none that was ever served. */
function createdAt(directory: string): number {
  try {
    const artifact = Artifact.open(directory, { verify: false })
    artifact.close()
    return Date.parse(artifact.manifest.created)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
