// Reads a feed with @cityssm/green-button-parser and prints, as JSON, what it found.
// node read_with_cityssm.mjs FOLDER_OF_NODE_MODULES FEED
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [folder, file] = process.argv.slice(2)
const parser = await import(pathToFileURL(`${folder}/@cityssm/green-button-parser/index.js`))
const feed = await parser.atomToGreenButtonJson(readFileSync(file, 'utf8'))

const kinds = {}
for (const entry of feed.entries) {
  for (const kind of Object.keys(entry.content)) kinds[kind] = (kinds[kind] ?? 0) + 1
}

const readings = {}
for (const entry of parser.helpers.getEntriesByContentType(feed, 'IntervalBlock')) {
  const meter = parser.helpers.getMeterReadingEntryFromIntervalBlockEntry(feed, entry)
  const found = (readings[meter.links.self] ??= [])
  for (const block of entry.content.IntervalBlock) {
    for (const each of block.IntervalReading) {
      found.push([each.timePeriod.start, each.timePeriod.duration, each.value])
    }
  }
}
process.stdout.write(JSON.stringify({ kinds, readings }))
