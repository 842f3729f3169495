import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { type AttemptOptions, attemptsOf, retry } from './attempts.ts'
import type { Outgoing, Sender, SendResult } from './sender.ts'

export interface FileOptions extends Pick<AttemptOptions, 'first' | 'longest'> {
  readonly file: string
}

/** Ids that are known again: far more than can be on their way when a process ends. */
const mostKnown = 100_000
/** In bytes: how much of the end of a file is read for them. */
const tail = 64 * 2 ** 20

/**
 * Appends each push to a file as a line of JSON, on disk when it counts as delivered. A push that the end of the file has already is
 * not written again. One process writes a file at a time.
 *
 * @throws Error when the file cannot be opened.
 */
export function fileSender({ file, ...options }: FileOptions): Sender {
  const attempts = attemptsOf(options)
  let opened: OpenFile | undefined = openFile(file)

  function append(batch: readonly Outgoing[]): void {
    opened ??= openFile(file)
    const { descriptor, known } = opened
    const added = batch.filter(({ id }) => !known.has(id))
    const lines = added.map(({ attempt: _, ...push }) => `${JSON.stringify({ ...push, sent: Date.now() })}\n`)
    const bytes = Buffer.from(lines.join(''))
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
    fsyncSync(descriptor)
    for (const { id } of added) known.add(id)
    for (const id of known) {
      if (known.size <= mostKnown) break
      known.delete(id)
    }
  }

  return {
    isIdempotent: true,
    async send(batch): Promise<SendResult[]> {
      try {
        append(batch)
        return batch.map(({ id }) => ({ id, outcome: 'delivered' }))
      } catch (error) {
        // What of it is on disk shows when the file is opened again.
        if (opened) closeSync(opened.descriptor)
        opened = undefined
        const reason = (error as NodeJS.ErrnoException).code ?? String(error)
        return batch.map(push => ({ id: push.id, ...retry(push, { reason, isUncertain: true }, attempts) }))
      }
    },
    close() {
      if (opened) closeSync(opened.descriptor)
      opened = undefined
    },
  }
}

interface OpenFile {
  readonly descriptor: number
  /** Ids in the file, oldest first. */
  readonly known: Set<string>
}

/** Opens the file to append, without a last line that was not written to its end. */
function openFile(file: string): OpenFile {
  const descriptor = openSync(file, 'a+')
  try {
    const { size } = fstatSync(descriptor)
    const from = Math.max(0, size - tail)
    const bytes = Buffer.alloc(size - from)
    for (let at = 0; at < bytes.length; ) at += readSync(descriptor, bytes, at, bytes.length - at, from + at)
    const end = bytes.lastIndexOf('\n') + 1
    if (end < bytes.length) ftruncateSync(descriptor, from + end)
    const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1)
    const known = new Set(
      lines
        .slice(from > 0 ? 1 : 0)
        .map(line => idOf(line))
        .slice(-mostKnown),
    )
    syncDirectory(dirname(file))
    return { descriptor, known }
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

function idOf(line: string): string {
  try {
    return String((JSON.parse(line) as { id?: unknown }).id)
  } catch {
    return ''
  }
}

/** A new file is there after a crash only once its directory is on disk. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
