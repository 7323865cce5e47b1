// What can be told about a page without a person: names, order, roles, contrast. Answers a list of faults.
() => {
  const faults = [];
  const seen = (node) => node.getClientRects().length > 0;
  const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);
  const name = (node) => (node.getAttribute("aria-label") || node.textContent || node.querySelector?.("img")?.alt || "").trim();
  if (!document.documentElement.lang) faults.push("the page has no language");
  if (!document.title.trim()) faults.push("the page has no title");
  if (all("main").length !== 1) faults.push("the page has not exactly one main part");
  if (all("h1").length !== 1) faults.push("the page has not exactly one first heading");
  let level = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push(`heading ${name(heading)} skips a level`);
    level = next;
  }
  for (const field of all("input:not([type=hidden]), select, textarea"))
    if (![...(field.labels || [])].some((label) => label.textContent.trim()) && !field.getAttribute("aria-label"))
      faults.push(`${field.name} has no label`);
  for (const node of all("a, button, summary")) if (!name(node)) faults.push(`${node.outerHTML.slice(0, 80)} has no name`);
  for (const group of all("fieldset")) if (!group.querySelector("legend")) faults.push("a group has no legend");
  for (const image of all("img")) if (!image.hasAttribute("alt")) faults.push("an image has no alternative");
  for (const table of all("table")) {
    if (!table.caption) faults.push("a table has no caption");
    for (const head of table.querySelectorAll("th")) if (!head.scope) faults.push(`${name(head)} heads nothing`);
  }
  const landmarks = all("nav").map((nav) => nav.getAttribute("aria-label"));
  if (new Set(landmarks).size !== landmarks.length) faults.push("two navigations have one name");
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id ${id} stands twice`);
  for (const node of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
    for (const attribute of ["aria-describedby", "aria-labelledby"])
      for (const id of (node.getAttribute(attribute) || "").split(" ").filter(Boolean))
        if (!ids.includes(id)) faults.push(`${attribute} names ${id}, which is not there`);

  const channels = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((each) => each / 255)
    .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
    .reduce((sum, each, place) => sum + each * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.querySelector("body"), NodeFilter.SHOW_TEXT);
  const judged = new Set();
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || judged.has(node) || !seen(node) || node.closest("svg, script")) continue;
    judged.add(node);
    const style = getComputedStyle(node);
    const [a, b] = [luminance(channels(style.color)), luminance(ground(node))].sort((x, y) => y - x);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5))
      faults.push(`"${node.textContent.trim().slice(0, 40)}" has a contrast of ${((a + 0.05) / (b + 0.05)).toFixed(1)}`);
  }
  return faults;
}
