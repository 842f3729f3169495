/**
 * A model that is served has its directory, in which others take its place, and beside it `DIRECTORY.previous`, which it took
 * the place of, and `DIRECTORY.next`, which may take its place.
 */
import { existsSync, readFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { assertReplaceable, exchangeDirectories } from '../../storage/directory.ts'
import { inspectArtifact } from './artifact.ts'

export function previousOf(directory: string): string {
  return `${resolve(directory)}.previous`
}

export function nextOf(directory: string): string {
  return `${resolve(directory)}.next`
}

/** Says of which dataset the model is that was rolled back, by its checksum. */
function rejectedOf(directory: string): string {
  return `${resolve(directory)}.rejected`
}

/** The checksum of the dataset of the model that was rolled back last, unless another has been published since. */
export function rejectedDataset(directory: string): string | undefined {
  const file = rejectedOf(directory)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}

/** Says, while a model is being published, which one: its checksum. */
function publishingOf(directory: string): string {
  return `${resolve(directory)}.publishing`
}

/**
 * Puts the model in `nextOf(directory)` into the place of the one at `directory`, which is kept as the previous one. Killed at
 * any moment, `directory` holds one or the other, and {@link recoverPublished} ends what was begun.
 */
export async function publishNext(directory: string): Promise<void> {
  const { checksum } = inspectArtifact(nextOf(directory))
  assertReplaceable(previousOf(directory), 'aurochs-model')
  await writeFile(publishingOf(directory), checksum, { flush: true })
  await exchangeDirectories(nextOf(directory), resolve(directory))
  await finishPublishing(directory)
  await rm(rejectedOf(directory), { force: true })
}

/** After a kill: ends what was begun to be published, and removes a model that was not. */
export async function recoverPublished(directory: string): Promise<void> {
  await finishPublishing(directory)
  await removeModel(nextOf(directory))
}

/** @throws Error where something else is there, or lies in it. */
async function removeModel(directory: string): Promise<void> {
  assertReplaceable(directory, 'aurochs-model')
  await rm(directory, { recursive: true, force: true })
}

/**
 * Puts the previous model into the place of the one at `directory`, which becomes the previous one: done twice, all is as
 * before. No other is trained on the same data until there are new events. `verify` reads all of it first. Default: true.
 *
 * @returns the checksums of the model that is in its place now, and of the one that was.
 * @throws Error when there is none, or it is damaged.
 */
export async function rollBackModel(
  directory: string,
  { verify = true } = {},
): Promise<{ now: string; before: string }> {
  await finishPublishing(directory)
  const previous = previousOf(directory)
  if (!existsSync(previous)) {
    throw new Error(
      `there is no ${previous}: only a model that was published in the place of another can be rolled back`,
    )
  }
  // What is not whole takes nobody's place.
  const { checksum: now } = inspectArtifact(previous, { verify })
  const { checksum: before, manifest } = inspectArtifact(directory)
  await writeFile(rejectedOf(directory), manifest.dataset.checksum, { flush: true })
  await exchangeDirectories(previous, resolve(directory))
  return { now, before }
}

/** Keeps the model as the previous one that another has taken the place of, if that was begun and not ended. */
async function finishPublishing(directory: string): Promise<void> {
  const publishing = publishingOf(directory)
  if (!existsSync(publishing)) return
  const hasTakenPlace = inspectArtifact(directory).checksum === readFileSync(publishing, 'utf8')
  if (hasTakenPlace && existsSync(nextOf(directory))) {
    await removeModel(previousOf(directory))
    await rename(nextOf(directory), previousOf(directory))
  }
  await rm(publishing, { force: true })
}
