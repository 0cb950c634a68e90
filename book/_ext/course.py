"""The book's own Sphinx extension.

* **Addresses.** Repository, edit, Binder and Colab links come from the CI's variables or from the git
  remote, the site's own address from ``LSTMLAB_SITE_URL``. Where neither is known the links are left
  out: an address is derived, never invented.
* **Nothing from elsewhere.** MathJax is copied from an installed package into the site; the scripts of
  sphinx-thebe, which would fetch from another host, are dropped.
* **Repairs** to what the theme and Jupyter Book write into every page: scripts loaded twice, names that
  screen readers announce twice, regions they cannot find.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from numpy.typing import ArrayLike
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.errors import ConfigError
from sphinx.util.docutils import SphinxDirective, SphinxRole
from sphinx.util.nodes import make_refnode
from sphinx.util.typing import stringify_annotation

# ---------------------------------------------------------------------------------------------------
# Where the repository and the site live
# ---------------------------------------------------------------------------------------------------

PROVIDERS = ("github", "gitlab", "bitbucket")  # the hosts the theme can make links for
Git = Callable[..., str]


@dataclass(frozen=True)
class Repository:
    """A repository that a reader's browser can open."""

    provider: str
    server: str
    path: str
    branch: str

    @property
    def url(self) -> str:
        return f"{self.server}/{self.path}"

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def on_github(self) -> bool:
        """Binder's short form and Colab know the public GitHub only."""
        return self.server == "https://github.com"

    def binder(self, page: str = "") -> str:
        tree = f"lab/tree/{page}" if page else "lab"
        return f"https://mybinder.org/v2/gh/{self.path}/{quote(self.branch, safe='')}?urlpath={tree}"

    def colab(self, page: str) -> str:
        return f"https://colab.research.google.com/github/{self.path}/blob/{self.branch}/{page}"


def parse_address(address: str) -> tuple[str, str, str] | None:
    """Split a remote's address into provider, server and path; ``None`` if no browser can open it.

    >>> parse_address("git@github.com:someone/course.git")
    ('github', 'https://github.com', 'someone/course')
    >>> parse_address("/srv/git/course.git") is None
    True
    """
    address = address.strip()
    if "://" in address:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https", "ssh", "git", "git+ssh"):
            return None
        host, path = (parts.hostname or "").lower(), parts.path
        # A port belongs to the web server only if the address is one of the web.
        web = parts.scheme in ("http", "https")
        port = f":{parts.port}" if web and parts.port else ""
        scheme = "http" if parts.scheme == "http" and port else "https"
    else:  # user@host:path, the short form of ssh
        match = re.fullmatch(r"(?:[\w.+-]+@)?([\w.-]+):(?!//)(.+)", address)
        if match is None:
            return None
        host, path, port, scheme = match[1].lower(), match[2], "", "https"
    host = re.sub(r"^(?:alt)?ssh\.|^www\.", "", host)
    # "github" must be a whole label of the name: github.com, gitlab.example.org, but not mygithub.net
    provider = next((p for p in PROVIDERS if p in host.split(".") and "." in host), None)
    path = path.strip("/").removesuffix(".git")
    if provider is None or not re.fullmatch(r"[\w.~-]+(?:/[\w.~-]+)+", path):
        return None
    return provider, f"{scheme}://{host}{port}", path


def find_repository(env: Mapping[str, str], git: Git) -> Repository | None:
    """Derive the repository's address from the CI's variables or from the remote named ``origin``."""
    server, slug = env.get("GITHUB_SERVER_URL"), env.get("GITHUB_REPOSITORY")
    if server and slug:
        found = parse_address(f"{server.rstrip('/')}/{slug}")
        return Repository(*found, branch=_ci_branch(env)) if found else None
    if git("rev-parse", "--is-inside-work-tree") != "true" or git("rev-parse", "--show-prefix"):
        return None  # not a checkout, or a folder inside somebody else's
    found = parse_address(git("remote", "get-url", "origin"))
    return Repository(*found, branch=_local_branch(git)) if found else None


def _ci_branch(env: Mapping[str, str]) -> str:
    """A pull request is built from ``refs/pull/N/merge``, which has no page: take the branch it aims at."""
    return env.get("GITHUB_BASE_REF") or env.get("GITHUB_REF_NAME") or "main"


def _local_branch(git: Git) -> str:
    """Name a branch that exists at the remote: the one followed here, or else the remote's default."""
    for question in (
        ("rev-parse", "--abbrev-ref", "@{upstream}"),
        ("symbolic-ref", "--short", "refs/remotes/origin/HEAD"),
    ):
        remote, _, branch = git(*question).partition("/")
        if remote == "origin" and branch:
            return branch
    return "main"


def git_in(folder: str | os.PathLike[str]) -> Git:
    """Return a function that asks git in ``folder`` and answers ``""`` where git cannot."""

    def git(*args: str) -> str:
        try:
            done = subprocess.run(
                ["git", "-C", os.fspath(folder), *args],
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""

    return git


def theme_options(repository: Repository | None) -> dict[str, Any]:
    """Return the options that draw the theme's buttons; without a repository they switch every one off."""
    if repository is None:
        return {
            "repository_url": "",
            "use_repository_button": False,
            "use_edit_page_button": False,
            "use_issues_button": False,
            "launch_buttons": {},
        }
    launch = {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
    }
    return {
        "repository_url": repository.url,
        "repository_provider": repository.provider,
        "repository_branch": repository.branch,
        "path_to_docs": "",
        "use_repository_button": True,
        "use_edit_page_button": True,
        "use_issues_button": repository.provider != "bitbucket",  # the theme has no such link there
        "launch_buttons": launch if repository.on_github else {},
    }


def site_options(env: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that depend on the address the site is published at."""
    address = env.get("LSTMLAB_SITE_URL", "").strip()
    if not address:
        return {"html_baseurl": "", "ogp_site_url": "", "notfound_urls_prefix": "/"}
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"LSTMLAB_SITE_URL: expected the full address of the site, such as https://example.org/course, "
            f"got {address!r}"
        )
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/"
    return {"html_baseurl": base, "ogp_site_url": base, "notfound_urls_prefix": f"{parts.path.rstrip('/')}/"}


def spare_headings(app: Sphinx, config: Config) -> None:
    """Let the list of pages be one level deep, as it is: the theme would copy all headings and drop them."""
    config.html_theme_options["max_navbar_depth"] = 1  # in _config.yml it would replace Jupyter Book's own


def derive_addresses(app: Sphinx, config: Config) -> None:
    repository = find_repository(os.environ, git_in(app.srcdir))
    config["course_repository"] = repository
    config.html_theme_options.update(theme_options(repository))
    for name, value in site_options(os.environ).items():
        config[name] = value


class IfRepository(SphinxDirective):
    """Show the content only if the repository's address is ``known``, ``unknown``, on ``github`` or not.

    In the content ``@URL@``, ``@NAME@`` and ``@BINDER@`` stand for the derived address, the folder that
    cloning makes, and the link that opens the repository on Binder.
    """

    has_content = True
    required_arguments = 1
    option_spec: ClassVar[dict[str, Callable[[str], Any]]] = {}

    def run(self) -> list[nodes.Node]:
        repository: Repository | None = self.config.course_repository
        condition = directives.choice(self.arguments[0], ("known", "unknown", "github", "not-github"))
        on_github = repository is not None and repository.on_github
        shown = {
            "known": repository is not None,
            "unknown": repository is None,
            "github": on_github,
            "not-github": not on_github,
        }[condition]
        if not shown:
            return []
        content = "\n".join(self.content)
        if repository is not None:
            for mark, value in (
                ("@URL@", repository.url),
                ("@NAME@", repository.name),
                ("@BINDER@", repository.binder()),
            ):
                content = content.replace(mark, value)
        holder = nodes.Element()
        lines = StringList(content.split("\n"), source=self.get_source_info()[0])
        self.state.nested_parse(lines, self.content_offset, holder)
        return list(holder.children)


class Elsewhere(SphinxRole):
    """Links that open a notebook of the repository on Binder and Colab; nothing where they cannot."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        repository: Repository | None = self.config.course_repository
        if repository is None or not repository.on_github:
            return [], []
        made: list[nodes.Node] = []
        for words, address in (
            ("open on Binder", repository.binder(self.text)),
            ("open on Colab", repository.colab(self.text)),
        ):
            made += [nodes.Text(", "), nodes.reference(words, words, refuri=address)]
        return made, []


# ---------------------------------------------------------------------------------------------------
# Repairs to what is written into every page
# ---------------------------------------------------------------------------------------------------


def wanted_scripts(scripts: list[Any]) -> Iterator[Any]:
    """Drop thebe, which loads from another host, and what Jupyter Book lists twice.

    The second ``const THEBE_JS_URL`` is a SyntaxError in every page's console.
    """
    seen: set[str] = set()
    for script in scripts:
        body = getattr(script, "attributes", {}).get("body") or ""
        name = str(getattr(script, "filename", script) or "")
        if "THEBE" in body or "thebe" in name or name + body in seen:
            continue
        seen.add(name + body)
        yield script


#: What is wrong in the body of a page whoever wrote it, and what is put in its place.
BODY_REPAIRS = (
    # thebe's settings, with the address of a repository that has nothing to do with this one
    (re.compile(r'\s*<script type="text/x-thebe-config">.*?</script>', re.S), ""),
    (re.compile(r"\s*<script>kernelName = '[^']*'</script>"), ""),
    # a role that ARIA has withdrawn, on each entry of the bibliography, and a list without list items
    (re.compile(r' role="doc-biblioentry"'), ""),
    (re.compile(r'<div role="list" class="citation-list">'), '<div class="citation-list">'),
    # an empty corner of a table is no heading of anything
    (re.compile(r'<th class="head[^"]*">\s*(?:<p>\s*</p>)?\s*</th>'), "<td></td>"),
)


def repair_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    context["script_files"] = list(wanted_scripts(context.get("script_files", [])))
    context["css_files"] = [
        css for css in context.get("css_files", []) if "thebe" not in str(getattr(css, "filename", css))
    ]
    for pattern, replacement in BODY_REPAIRS:
        context["body"] = pattern.sub(replacement, context.get("body", ""))
    if not app.config.ogp_site_url:
        # Without the site's address these would hold half an address; the description stays.
        context["metatags"] = re.sub(r'<meta property="og:[^>]*>\n?', "", context.get("metatags", ""))


def share_html_visitors(app: Sphinx) -> None:
    """Let the singlehtml builder (and so the PDF) draw definitions and theorems.

    sphinx-exercise registers visitors for "singlehtml" by name; from then on Sphinx no longer falls back
    to the "html" visitors there, and those of sphinx-proof, registered for "html" alone, are lost.
    """
    handlers = app.registry.translation_handlers
    for name, pair in handlers.get("html", {}).items():
        handlers.setdefault("singlehtml", {}).setdefault(name, pair)


# ---------------------------------------------------------------------------------------------------
# The API page
# ---------------------------------------------------------------------------------------------------


def skip_tuple_fields(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """A named tuple's fields are described in its docstring; "Alias for field number 0" says nothing."""
    return True if type(obj).__name__ == "_tuplegetter" else None


#: What the documentation would write for NumPy's name of everything that can become an array: four lines.
ARRAY_LIKE = stringify_annotation(ArrayLike, "smart")


def keep_array_like(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, arguments: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Write ``ArrayLike`` in a signature where the source does."""
    given, made = (
        text and text.replace(ARRAY_LIKE, "~numpy.typing.ArrayLike") for text in (arguments, returns)
    )
    return given, made


@cache
def short_names(env: BuildEnvironment) -> dict[str, list[tuple[str, str, str]]]:
    """Last part of a name -> what stands under it in a module itself: name, page, anchor.

    The methods and attributes of classes are not meant. Asked when all pages have been read.
    """
    objects = list(env.get_domain("py").get_objects())
    modules = {name for name, _, kind, *_ in objects if kind == "module"}
    found: dict[str, list[tuple[str, str, str]]] = {}
    for name, _, kind, docname, anchor, _ in objects:
        module, _, last = name.rpartition(".")
        if module in modules and kind != "module":
            found.setdefault(last, []).append((name, docname, anchor))
    return found


def resolve_short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: nodes.Element
) -> nodes.Element | None:
    """Find ``lstmlab.unroll.backprop`` under the names that code uses: ``lstmlab.backprop``, ``backprop``."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or ("." in target and not target.startswith("lstmlab.")):
        return None
    found = short_names(env).get(target.rpartition(".")[2], [])
    if len(found) != 1:
        return None
    name, docname, anchor = found[0]
    return make_refnode(app.builder, node["refdoc"], docname, anchor, [contnode], name)


def setup(app: Sphinx) -> dict[str, Any]:
    for needed in ("sphinx.ext.autodoc", "notfound.extension", "sphinxext.opengraph"):
        app.setup_extension(needed)
    app.add_config_value("course_repository", None, "env")
    app.connect("autodoc-skip-member", skip_tuple_fields)
    app.connect("autodoc-process-signature", keep_array_like)
    app.connect("missing-reference", resolve_short_name)
    app.add_directive("if-repository", IfRepository)
    app.add_role("elsewhere", Elsewhere())
    app.connect("config-inited", derive_addresses, priority=200)
    app.connect("config-inited", spare_headings)
    app.connect("builder-inited", share_html_visitors)
    app.connect("html-page-context", repair_page, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
