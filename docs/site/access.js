// Gives names and keys to what the theme leaves without them: the search, nested lists of links, wide blocks of code.
const improve = () => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search")
  for (const list of document.querySelectorAll("nav nav[aria-labelledby]")) {
    list.ariaLabel = `Pages: ${list.parentElement.querySelector(".md-ellipsis").textContent.trim()}`
    list.removeAttribute("aria-labelledby")
  }
  for (const buttons of document.querySelectorAll(".md-code__nav:not([role])")) buttons.setAttribute("role", "none")
  for (const wide of document.querySelectorAll("pre > code, .md-typeset__scrollwrap"))
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0
}
addEventListener("resize", improve)
new MutationObserver(improve).observe(document.documentElement, { childList: true, subtree: true })
