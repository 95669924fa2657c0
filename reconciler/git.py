"""The one way to git: every git process of the tool is started here, and none runs what a file names.

Files of a workspace can look like a repository and name programs for git to run. So the repository is found
here and handed to git by name, and nothing that looks like a bare one is accepted on the way. What only reads
(`--since`, the commit of a run) reads none of the repository's settings; only the journal in a branch does,
for its remote and credentials, and only in the checkout in which the user stands. Three commands may use a
transport, and git gets a list of known variables, among them none of the tool's credentials.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, TemporaryFile
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.errors import Refused, UsageError
from reconciler.problems import Redacted
from reconciler.system import end_now

if TYPE_CHECKING:
    import subprocess

PATIENCE = 120.0  # seconds after which a running command is killed

MOST_OUTPUT = 256_000_000  # bytes that one command may write to its output

OLDEST = (2, 31)  # the oldest git that takes settings from its environment, as the journal hands them over

_REACHING = frozenset({"fetch", "ls-remote", "push"})  # the commands that may use a transport

_PROTOCOLS = ("https", "ssh", "file")

_SETTINGS: Mapping[str, str] = {
    "core.alternateRefsCommand": "true",
    "core.attributesFile": os.devnull,
    "core.editor": "true",
    "core.fsmonitor": "false",
    "core.fsync": "all",  # a commit without a remote is as safe as a file can be
    "core.hooksPath": os.devnull,
    "core.logAllRefUpdates": "false",
    "core.pager": "cat",
    "credential.interactive": "false",
    "fetch.prune": "false",
    "fetch.pruneTags": "false",
    "fetch.recurseSubmodules": "false",
    "fetch.writeCommitGraph": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "push.followTags": "false",
    "push.gpgSign": "false",
    "push.recurseSubmodules": "no",
    "safe.bareRepository": "explicit",
    "submodule.recurse": "false",
}
"""What git does not do here, whatever the settings of the user or the repository are."""

_OPTIONS = tuple(word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}"))

_QUIET = {
    "GCM_INTERACTIVE": "never",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "SSH_ASKPASS_REQUIRE": "never",
}

_PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|USERNAME|TMPDIR|TEMP|TMP|XDG_CONFIG_HOME|LD_LIBRARY_PATH|SUDO_UID"
    r"|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|USERPROFILE|HOMEDRIVE|HOMEPATH|APPDATA|LOCALAPPDATA|PROGRAMDATA"
    r"|GIT_(EXEC_PATH|CEILING_DIRECTORIES|CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+))",
    re.IGNORECASE,
)
"""The variables that git needs to run as its user is used to: programs, folders, settings of the user."""

_PASSED_ON_TO_REACH = re.compile(
    r"SSH_AUTH_SOCK|SSH_AGENT_PID|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|CURL_CA_BUNDLE|KRB5(CCNAME|_CONFIG)"
    r"|DBUS_SESSION_BUS_ADDRESS|XDG_RUNTIME_DIR|GNUPGHOME|PASSWORD_STORE_DIR|GCM_(CREDENTIAL_STORE|PROVIDER|NAMESPACE)"
    r"|GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|PROXY_SSL_(CAINFO|CERT|KEY)"
    r"|SSL_(NO_VERIFY|CAINFO|CAPATH|CERT|KEY|VERSION|CIPHER_LIST)"
    r"|HTTP_(LOW_SPEED_LIMIT|LOW_SPEED_TIME|PROXY_AUTHMETHOD|USER_AGENT))",
    re.IGNORECASE,
)
"""Those that say how to reach a remote: the agent and program for ssh, proxies, certificates, keyrings."""

_OF_REMOTES = re.compile(r"(remote\..*|branch\..*\.remote|core\.sshcommand)$", re.DOTALL)
_REACHES = re.compile(
    r"remote\.|hook\.|branch\.|url\.|http\.|ssh\.|protocol\.|credential\.|core\.(ssh|gitproxy|askpass)"
)
"""The settings that name remotes, and all those that say how one is reached."""

_PERSONAL = re.compile(r"(?<=://)[^/\s]*@")
_UNTRUSTED = re.compile(r"dubious ownership in repository at '([^']*)'|unsafe repository \('([^']*)'")
_FORBIDDEN = re.compile(r"transport '([^']*)' not allowed")

Entry: TypeAlias = tuple[str, str, int]
"""Mode, object and size of a file, link or submodule of a tree; 0 bytes where git lacks its content."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FILES, _LINK = ("100644", "100755", "100664"), "120000"
_PORTION = 16_000_000  # bytes of content that are asked for at once
_MOST_FILES = 500
_MOST_LISTED = 24_000_000  # bytes of the list of a tree: more than a hundred thousand files
_MOST_BYTES = 1_000_000_000
_LONGEST_LINK, _MOST_LINKS = 4096, 40


class Said(Struct, frozen=True):
    """The result of a git command. `code` is its exit code, or -1 if it was killed."""

    code: int
    out: bytes
    complaint: str

    @property
    def is_fine(self) -> bool:
        """Whether the command did what it was asked."""
        return self.code == 0

    @property
    def text(self) -> str:
        """Its output as text, without blanks at the ends."""
        return self.out.decode("utf-8", "replace").strip()

    @property
    def reason(self) -> str:
        """Why it failed: git's words in one line, without credentials."""
        lines = [line.strip() for line in masked(self.complaint).splitlines()]
        reason = "; ".join(line for line in lines if line and not line.startswith(("warning:", "hint:")))
        return reason.removeprefix("fatal: ") or f"git ended with exit code {self.code}"


class Git(Redacted, frozen=True):
    """Runs git in one folder, on the repository `git_dir`; without one only commands that need none work.

    `settings` go to git in its environment, for they may hold an address with a password. `ssh` is the
    command for ssh, empty for git's own choice.
    """

    shown: ClassVar = ("folder", "git_dir")

    folder: Path
    environ: Mapping[str, str]
    git_dir: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    ssh: str = ""
    patience: float = PATIENCE

    def __call__(self, *arguments: str, fed: bytes = b"", most: int = MOST_OUTPUT) -> Said:
        """Run a command with `fed` as its input: no shell, prompt or hook. Return its result, a failure too.

        One that does not end, or says more than `most` bytes, is killed with everything that it has started.
        Errors: `UsageError` if there is no git or no such folder.
        """
        import subprocess  # here, for a check of files needs no process and is to start fast

        late = threading.Event()
        with TemporaryFile() as given, TemporaryFile() as complained:
            given.write(fed)
            given.seek(0)
            # A relative entry of PATH is left out: it would lead into the workspace.
            program = shutil.which("git", path=_absolute(self.environ.get("PATH", os.defpath)))
            if program is None:
                raise UsageError("git cannot be run: there is none to be found on PATH; install it")
            environment = self._environment(reaching=bool(arguments) and arguments[0] in _REACHING)
            try:
                process = subprocess.Popen(  # noqa: S603  # no shell, and no option comes from outside
                    [program, *_OPTIONS, *arguments],
                    cwd=self.folder,
                    env=environment,
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=complained,
                    start_new_session=True,  # no terminal to ask on, and an interrupt of ours does not end it
                )
            except OSError as error:
                if not self.folder.is_dir():
                    raise UsageError(f"the folder {self.folder} is not there") from error
                raise UsageError(f"git cannot be run in {self.folder}: {error.strerror}") from error
            watchdog = threading.Timer(self.patience, _end, (process, late))
            watchdog.daemon = True
            watchdog.start()
            with process:
                try:
                    out = process.stdout.read(most + 1) if process.stdout else b""
                    if len(out) > most:
                        _end(process)
                    process.wait(self.patience)
                except subprocess.TimeoutExpired:
                    _end(process, late)
                except BaseException:
                    _end(process)
                    raise
                finally:
                    watchdog.cancel()
            if late.is_set():
                return Said(-1, b"", f"git gave no answer in {self.patience:g} seconds")
            if len(out) > most:
                return Said(-1, b"", f"git said more than {most} bytes")
            complained.seek(0)
            return Said(process.returncode, out, complained.read(1_000_000).decode("utf-8", "replace"))

    def must(self, *arguments: str, fed: bytes = b"") -> Said:
        """Run a command that has to succeed. Raises `Refused` with git's reason, or `UsageError`."""
        said = self(*arguments, fed=fed)
        if not said.is_fine:
            raise trouble(said)
        return said

    def _environment(self, *, reaching: bool) -> dict[str, str]:
        kept = {
            name: value
            for name, value in self.environ.items()
            if _PASSED_ON.fullmatch(name) or (reaching and _PASSED_ON_TO_REACH.fullmatch(name))
        }
        kept["PATH"] = _absolute(self.environ.get("PATH", os.defpath))
        kept |= _QUIET
        # Empty: do not look for a program that asks, such as one that core.askPass names.
        kept.setdefault("GIT_ASKPASS", "")
        # It decides alone, whatever protocol.*.allow of the repository says.
        wanted = self.environ.get("GIT_ALLOW_PROTOCOL", ":".join(_PROTOCOLS)).split(":")
        allowed = [one for one in wanted if one in _PROTOCOLS] if reaching else []
        kept["GIT_ALLOW_PROTOCOL"] = ":".join(allowed) or "none"
        if self.git_dir is not None:
            kept["GIT_DIR"] = str(self.git_dir)
        if self.ssh and reaching:
            kept["GIT_SSH_COMMAND"] = self.ssh
        before = self.environ.get("GIT_CONFIG_COUNT", "")
        first = int(before) if before.isdecimal() else 0
        if self.settings:
            kept["GIT_CONFIG_COUNT"] = str(first + len(self.settings))
        for number, (name, value) in enumerate(self.settings.items(), start=first):
            kept |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return kept


class Checkout(Redacted, frozen=True):
    """The repository around a folder, and the git that runs in it.

    `top` is the folder with `.git`, `git_dir` what that is or leads to, `common` what all work trees share,
    and `prefix` the way from the top to the folder, empty at the top.
    """

    shown: ClassVar = ("top", "git_dir", "common", "prefix")

    top: Path
    git_dir: Path
    common: Path
    prefix: str
    git: Git  # under the settings of the repository, but from `without_settings`

    def commit(self, ref: str) -> str:
        """Return the full name of the commit that `ref` stands for. Errors: `UsageError` if there is none."""
        if not ref or ref.startswith("-") or not ref.isprintable():
            raise UsageError(f"{ref!a} is not the name of a commit")
        asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        found = self.git(*asked).text.split()[-1:]
        if found and _COMMIT.fullmatch(found[0]):
            return found[0]
        why = ""
        if self.git("rev-parse", "--is-shallow-repository").text == "true":
            why = (
                ": this clone is shallow and lacks older commits; run git fetch --unshallow, or check out "
                "with fetch-depth: 0"
            )
        raise UsageError(f"git knows no commit {ref}{why}")

    def settings_of_remotes(self) -> Mapping[str, str]:
        """Return the settings that name remotes: of several addresses the first, else the last value.

        Errors: `UsageError` where a file of the checkout says how to reach one.
        """
        found: dict[str, str] = {}
        listed = self.git("config", "--null", "--list", "--show-scope", "--show-origin").out
        said = listed.decode("utf-8", "surrogateescape").split("\0")
        for scope, origin, setting in zip(said[::3], said[1::3], said[2::3], strict=False):
            key, _, value = setting.partition("\n")
            file = (self.top / origin.removeprefix("file:")).resolve()
            is_of_git = file.is_relative_to(self.git_dir) or file.is_relative_to(self.common)
            if scope in ("local", "worktree") and file.is_relative_to(self.top) and not is_of_git:
                if _REACHES.match(key):
                    raise UsageError(
                        f"git takes the setting {key} from {file}, and what is in a checkout comes with any "
                        f"change of it. Take that file out: git config --local --unset-all include.path"
                    )
            elif _OF_REMOTES.match(key) and not (key.endswith("url") and found.get(key)):
                found[key] = value
        return found

    @contextmanager
    def folder_at(self, commit: str, most: int) -> Iterator[Path | None]:
        """Yield a temporary copy of the folder as it stood at a commit; `None` where it did not exist.

        A link to a file of the folder becomes a copy of that file; other links, and what a dot hides, are
        left out. Files of more than `most` bytes are as long, and empty. Errors: `UsageError` for names that
        exclude each other, a YAML link that leads to no file of the folder, too much of everything, a missing
        object.
        """
        listed = self._entries(commit)
        if listed is None:
            yield None
            return
        with TemporaryDirectory(prefix="reconciler-") as temporary:
            top = Path(temporary) / (PurePosixPath(self.prefix).name or self.top.name or "workspace")
            top.mkdir()
            try:
                self._write(top, listed, commit, most)
            except (OSError, ValueError) as error:
                raise UsageError(str(error)) from error
            yield top

    def _entries(self, commit: str) -> dict[str, Entry] | None:
        """Return what stands in the folder at a commit, by path, without what a dot hides."""
        tree = f"{commit}:{self.prefix}" if self.prefix else f"{commit}^{{tree}}"
        options = ("-r", "-z", "-l", "--full-tree", "--end-of-options")
        listed = self.git("ls-tree", *options, tree, most=_MOST_LISTED)
        if listed.code == -1:
            raise UsageError(f"it holds more files than any workspace has ({listed.reason})")
        if not listed.is_fine:
            if hint := self._hint_if_partial(commit):
                raise UsageError(f"the folder is not there, or {hint}")
            return None
        entries: dict[str, Entry] = {}
        for line in filter(None, listed.out.split(b"\0")):
            facts, _, raw = line.partition(b"\t")
            path = os.fsdecode(raw)
            parts = path.split("/")
            if any(part in ("", ".", "..") for part in parts):
                raise UsageError(f"{path!a} is no name of a file")
            if any(part.startswith(".") for part in parts):
                continue
            if path in entries:
                raise UsageError(f"{path!a} stands there twice")
            mode, _, object, size = os.fsdecode(facts).split()
            entries[path] = mode, object, int(size) if size.isdecimal() else 0
        for path in entries:
            for parent in PurePosixPath(path).parents:
                if str(parent) in entries:
                    raise UsageError(f"{str(parent)!a} stands there twice, as a folder and as something else")
        return entries

    def _write(self, top: Path, entries: Mapping[str, Entry], commit: str, most: int) -> None:
        wanted = {path: entry for path, entry in entries.items() if entry[0] in _FILES}
        links = {path: entry for path, entry in entries.items() if entry[0] == _LINK}
        if max((size for *_, size in links.values()), default=0) > _LONGEST_LINK:
            raise UsageError("a link is longer than any path")
        leads = {path: os.fsdecode(text) for path, text in self._contents(links, commit)}
        for link in leads:
            file = _led_to(link, leads, entries)
            if file is not None:
                wanted[link] = entries[file]
            elif link.lower().endswith((".yaml", ".yml")):
                raise UsageError(f"{link!a} is a link that leads out of the workspace, or to no file in it")
        if sum(min(size, most) for *_, size in wanted.values()) > _MOST_BYTES:
            raise UsageError(f"its files are larger than {_MOST_BYTES // 1_000_000} MB together")
        for path, (*_, size) in wanted.items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            with (top / path).open("xb") as made:
                made.truncate(size)
        small = {path: entry for path, entry in wanted.items() if entry[2] <= most}
        for path, content in self._contents(small, commit):
            (top / path).write_bytes(content)

    def _contents(self, entries: Mapping[str, Entry], commit: str) -> Iterator[tuple[str, bytes]]:
        """Yield the contents of files and links by path, asked for in portions that are not too large."""
        portions, total = list[list[str]](), 0
        for path, (*_, size) in entries.items():
            if not portions or total + size > _PORTION or len(portions[-1]) == _MOST_FILES:
                portions.append([])
                total = 0
            portions[-1].append(path)
            total += size
        for portion in portions:
            names = "".join(f"{entries[path][1]}\n" for path in portion)
            answered = self.git("cat-file", "--batch", fed=names.encode()).out
            for path in portion:
                _, object, size = entries[path]
                header, _, answered = answered.partition(b"\n")
                if header != f"{object} blob {size}".encode():
                    lacks = [f"git lacks the content of {path!a}", self._hint_if_partial(commit)]
                    raise UsageError(": ".join(filter(None, lacks)))
                yield path, answered[:size]
                answered = answered[size + 1 :]

    def _hint_if_partial(self, commit: str) -> str:
        """Return how to get what a partial clone lacks; empty for a whole one."""
        if not is_partial(Git(self.top, self.git.environ, self.git_dir)):
            return ""
        path = f" '{self.prefix}'" if self.prefix else ""
        return (
            f"this is a partial clone, and what it lacks is not fetched here. To let git fetch it: git -C "
            f"'{self.top}' archive --format=tar --output={os.devnull} {commit}{path}"
        )


def top_of(folder: Path, environ: Mapping[str, str]) -> Path | None:
    """Return the nearest folder at or above `folder` that has a `.git`, up to GIT_CEILING_DIRECTORIES.

    Errors: `UsageError` for a folder on the way that looks like a bare repository.
    """
    real = folder.resolve()
    listed = environ.get("GIT_CEILING_DIRECTORIES", "").split(os.pathsep)
    ceilings = {Path(one).resolve() for one in listed if Path(one).is_absolute()}
    for place in (real, *real.parents):
        if place != real and place in ceilings:
            break
        check_not_bare(place)
        if os.path.lexists(place / ".git"):
            return place
    return None


def check_not_bare(folder: Path) -> None:
    """Check that git would not take a folder for a bare repository. Errors: `UsageError`."""
    has_parts = os.path.lexists(folder / "objects") and os.path.lexists(folder / "refs")
    if os.path.lexists(folder / "HEAD") and (has_parts or os.path.lexists(folder / "commondir")):
        raise UsageError(
            f"{folder} looks like a bare repository of git: it holds HEAD with objects and refs, or with "
            f"commondir. Git would take its settings from there, and they can name programs to run. Find "
            f"out who put them there, and remove them"
        )


def find_repository(folder: Path, environ: Mapping[str, str]) -> Checkout:
    """Return where the repository around a folder is.

    Errors: `UsageError` where there is none that git can read and trusts, as in `top_of`, and for a
    repository laid around files that an outer one tracks, unlike a submodule, a work tree or a clone in a
    checkout.
    """
    top = top_of(folder, environ)
    if top is None:
        raise UsageError(f"{folder} is not in a git repository")
    # In the very folder that has it, and never further up, git looks for .git before anything else.
    asked = Git(top, {**environ, "GIT_CEILING_DIRECTORIES": str(top.parent)})("rev-parse", "--git-dir")
    if not asked.is_fine:
        reason = f"{folder} is not in a git repository that can be read: {asked.reason}"
        raise trouble(asked, UsageError(reason))
    found = _checkout(folder, top, environ)
    if found is None or (top / os.fsdecode(asked.out.removesuffix(b"\n"))).resolve() != found.git_dir:
        raise UsageError(
            f"{top / '.git'} is no repository that git can read: find out what it is, or remove it"
        )
    for outer in top.parents:
        if not os.path.lexists(outer / ".git"):
            continue
        try:
            around = find_repository(outer, environ)
        except UsageError:
            continue
        path = top.relative_to(outer).as_posix()
        with without_settings(around) as checkout:
            listed = checkout.git("ls-tree", "-d", "--full-tree", "HEAD", "--", path).out
        if listed.startswith(b"040000"):  # a folder of the commit that is checked out around it
            raise UsageError(
                f"{top / '.git'} makes a repository of its own of files that belong to the checkout around "
                f"them. Its settings can name programs to run. Find out who put it there, and remove it"
            )
    return found


def place_of(folder: Path, environ: Mapping[str, str]) -> Checkout | None:
    """Return where the repository around a folder is, trusted or not, for `without_settings` only.

    `None` where there is none. Errors: `UsageError` for a folder on the way that looks like a bare one.
    """
    top = top_of(folder, environ)
    return _checkout(folder, top, environ) if top else None


def _checkout(folder: Path, top: Path, environ: Mapping[str, str]) -> Checkout | None:
    """Return where the repository of the `.git` in `top` is; `None` where that is none and leads to none."""
    dot = top / ".git"
    try:
        if dot.is_dir():
            git_dir = dot.resolve()
        else:
            named, _, path = dot.read_bytes()[:4096].partition(b":")
            if named != b"gitdir" or b"\0" in path:
                return None
            git_dir = (top / os.fsdecode(path.strip())).resolve()
    except OSError:
        return None
    try:
        common = git_dir / os.fsdecode((git_dir / "commondir").read_bytes()).strip()
    except OSError:
        common = git_dir
    prefix = folder.resolve().relative_to(top).as_posix()
    git = Git(top, environ, git_dir)
    return Checkout(top, git_dir, common.resolve(), "" if prefix == "." else prefix, git)


_SHARED = ("objects", "refs", "packed-refs", "shallow", "logs", "reftable")
_OF_A_TREE = ("refs", "logs", "reftable")
_HEADS = re.compile(r"(?:[A-Z]+_)*HEAD")
_KEPT_SETTINGS = (
    r"^(extensions\.(objectformat|refstorage)|remote\..*\.fetch|branch\..*\.(remote|merge|pushremote))$"
)
"""What says how objects and refs are stored, and what `@{upstream}` means."""


@contextmanager
def without_settings(place: Checkout) -> Iterator[Checkout]:
    """Yield it with a git that reads a repository's objects and refs, and none of its settings.

    It works in a temporary folder that leads to them, so nothing that the settings name runs, and nothing
    that a partial clone lacks is fetched.
    """
    environ = place.git.environ
    with TemporaryDirectory(prefix="reconciler-git-") as name:
        own = Path(name) / "git"
        _lead(own, place.common, _SHARED)
        found = Git(own, environ)(
            *("config", "--file", str(place.common / "config"), "--no-includes"),
            *("--null", "--get-regexp", _KEPT_SETTINGS),
        )
        (own / "config").write_bytes(_config(found.out))
        git_dir = own
        if place.git_dir != place.common:
            git_dir = Path(name) / "tree"
            _lead(git_dir, place.git_dir, _OF_A_TREE)
            (git_dir / "commondir").write_text("../git\n", "ascii")
        yield replace(place, git=Git(own, environ, git_dir))


@contextmanager
def with_index(place: Checkout) -> Iterator[Git]:
    """Yield the git of `without_settings`, which also sees the index of the work tree. Errors: `OSError`."""
    with without_settings(place) as checkout:
        own = checkout.git.git_dir or checkout.git.folder
        for index in (place.git_dir / "index", *place.git_dir.glob("sharedindex.*")):
            (own / index.name).symlink_to(index)
        yield checkout.git


def left_out(folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what git tracks below a folder and keeps out of this work tree, by its path from the folder.

    That are files that a sparse checkout leaves out, and submodules that were not fetched, with a / at their
    end; not what a person has removed. Nothing where git cannot tell.
    """
    with suppress(UsageError, OSError):
        place = place_of(folder, environ)
        if place is None:
            return
        with (place.git_dir / "index").open("rb") as index:
            version = index.read(8)[7:]
        # One before version 3 cannot say that a file is left out, and starting git takes a while.
        if version < b"\3" and not (place.top / ".gitmodules").exists():
            return
        with with_index(place) as git:
            listed = git("ls-files", "-z", "-t", "--stage", "--", f":(top,literal){place.prefix}").out
        for line in filter(None, listed.split(b"\0")):
            facts, _, raw = line.partition(b"\t")
            there = place.top / os.fsdecode(raw)
            path = there.relative_to(place.top / place.prefix).as_posix()
            if b" 160000 " in facts and not os.path.lexists(there / ".git"):
                yield f"{path}/"
            elif facts.startswith(b"S") and not os.path.lexists(there):
                yield path


def _lead(own: Path, there: Path, names: tuple[str, ...]) -> None:
    """Make a folder that leads to parts of a repository, with copies of HEAD and its like."""
    own.mkdir()
    for name in names:
        if os.path.lexists(there / name):
            (own / name).symlink_to(there / name)
    for file in there.iterdir():
        if not _HEADS.fullmatch(file.name):
            continue
        if file.is_symlink():  # as very old versions of git wrote HEAD
            (own / file.name).write_bytes(b"ref: " + os.fsencode(file.readlink()) + b"\n")
        elif file.is_file():
            with file.open("rb") as text:
                (own / file.name).write_bytes(text.read(4096))


def _config(listed: bytes) -> bytes:
    """Return a file of settings with what `git config --null` has listed, and nothing that names a remote."""

    def quoted(text: bytes) -> bytes:
        return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'

    lines = [b"[core]", b"repositoryformatversion = 1", b"bare = true"]
    for setting in filter(None, listed.split(b"\0")):
        key, _, value = setting.partition(b"\n")
        section, _, rest = key.partition(b".")
        name, _, variable = rest.rpartition(b".")
        lines.append(b"[%s %s]" % (section, quoted(name)) if name else b"[%s]" % section)
        lines.append(b"%s = %s" % (variable, quoted(value)))
    return b"\n".join(lines) + b"\n"


def is_partial(git: Git) -> bool:
    """Tell whether a repository is a partial clone, from which objects are left out until they are needed."""
    asked = r"^(extensions\.partialclone|remote\..*\.promisor)$"
    return git("config", "--get-regexp", asked).is_fine


def lacking(what: str) -> UsageError:
    """Return the error that a partial clone lacks what a journal needs."""
    return UsageError(
        f"this is a partial clone, and what it lacks is not fetched here ({what}). To fetch all of a "
        f"journal: git fetch --refetch --no-filter origin BRANCH"
    )


def _led_to(link: str, leads: Mapping[str, str], entries: Mapping[str, Entry]) -> str | None:
    """Return the file in the tree that a link leads to, `None` where it leads anywhere else."""
    path = link
    for _ in range(_MOST_LINKS):
        if path not in leads:
            break
        there = posixpath.join(posixpath.dirname(path), leads[path])
        ways = [there[: end.start()] for end in re.finditer("/", there)]
        if posixpath.isabs(there) or any(posixpath.normpath(way) in leads for way in ways if way):
            return None  # the way goes over a link to a folder, which is not there in the copy
        path = posixpath.normpath(there)
    return path if path in entries and entries[path][0] in _FILES else None


def trouble(said: Said, otherwise: Refused | UsageError | None = None) -> Refused | UsageError:
    """Return the error that a failed command means, with what mends it; `otherwise` where none is known."""
    if untrusted := _UNTRUSTED.search(said.complaint):
        folder = untrusted[1] or untrusted[2]
        return UsageError(
            f"git does not trust the repository in {folder}, for it belongs to another user. If you do: "
            f"git config --global --add safe.directory '{folder}'"
        )
    if forbidden := _FORBIDDEN.search(said.complaint):
        return UsageError(
            f"git may not use the transport {forbidden[1]!r} here: the address of the remote has to begin "
            f"with https:// or ssh://, or be a path of this machine"
        )
    if "promisor" in said.complaint:
        return lacking(said.reason)
    if "not a git repository" in said.complaint:
        return UsageError("this needs a repository of git around the workspace, and git finds none there")
    mend = ""
    if re.search("certificate (problem|verif)", said.complaint):  # of OpenSSL, of GnuTLS
        mend = ". Where a proxy of your own inspects TLS: export GIT_SSL_CAINFO=FILE, its authority in PEM"
    return otherwise or Refused(f"git says: {said.reason}; without the journal nothing is sent{mend}")


def quiet_ssh(environ: Mapping[str, str], configured: str) -> str:
    """Return a command for ssh that never asks, by core.sshCommand of git; empty where GIT_SSH rules."""
    command = environ.get("GIT_SSH_COMMAND") or configured
    if not command and environ.get("GIT_SSH"):
        return ""
    option = "-batch" if "plink" in command.lower() else "-o BatchMode=yes"
    return f"{command or 'ssh'} {option}"


def masked(text: str) -> str:
    """Return a text without the credentials of addresses, and without what a terminal obeys."""
    hidden = _PERSONAL.sub("***@", text)
    return "".join(char if char.isprintable() or char == "\n" else " " for char in hidden)


def check_version(said: str) -> None:
    """Return if git is new enough, by what `git version` says. Raises `UsageError` if it is not."""
    found = re.search(r"(\d+)\.(\d+)", said)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise UsageError(
            f"a journal in a branch of git needs git {OLDEST[0]}.{OLDEST[1]} or newer, and this is {found[0]}"
        )


def _absolute(path: str) -> str:
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if Path(entry).is_absolute())


def _end(process: subprocess.Popen[bytes], late: threading.Event | None = None) -> None:
    """End a command with everything that it has started; say so where it was too late."""
    if late is not None:
        late.set()
    end_now(process.pid, group=True)
