import { z } from 'zod'
import { tokensOf } from '../../words/tokens.ts'
import { WordVectors } from '../../words/word-vectors.ts'
import { parseOptions, type Register, UsageError, wholeNumber } from '../command.ts'
import { table } from '../terminal/table.ts'

const Options = z.object({
  limit: wholeNumber(1, 10_000),
  json: z.boolean().default(false),
})

/** `aurochs nearest-words`: the words whose vectors are most similar. */
export const register: Register = program => {
  program
    .command('nearest-words')
    .description('print the words most similar to others')
    .argument('<words>', 'a directory that `aurochs words` made')
    .argument('<word...>', 'words; those that begin with a dash after --')
    .option('--limit <n>', 'words a list', '10')
    .option('--json', 'print one JSON object a line: {"word", "words": [{"word", "similarity"}]}')
    .action((directory: string, given: readonly string[], flags: unknown) => {
      const { limit, json } = parseOptions(Options, flags)
      // As texts are read; what is not one word there is no word of them.
      const words = given
        .map(word => tokensOf(word))
        .map((tokens, at) => (tokens.length === 1 ? tokens[0]! : given[at]!))
      const vectors = WordVectors.open(directory)
      try {
        const unknown = words.filter(word => !vectors.vector(word))
        for (const word of words) {
          if (unknown.includes(word)) continue
          const near = vectors.nearest(word, limit)
          if (json) process.stdout.write(`${JSON.stringify({ word, words: near })}\n`)
          else {
            const rows = near.map(({ word, similarity }, at) => [at + 1, word, similarity.toFixed(4)])
            process.stdout.write(`Most similar to ${word}:\n${table(rows)}`)
          }
        }
        if (unknown.length === 0) return
        const names = unknown.map(word => JSON.stringify(word)).join(', ')
        throw new UsageError(
          `the word vectors know no word ${names}: they have ${vectors.size} words like ${vectors.wordAt(0)}`,
          3,
        )
      } finally {
        vectors.close()
      }
    })
}
