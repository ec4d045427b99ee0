# Does operations, given as JSON on standard input, with Net::SFTP::Foreign as its users would.
use strict;
use warnings;
use JSON::PP;
use Net::SFTP::Foreign;

# Names are bytes, here and there.
sub bytes { my $text = shift; utf8::encode($text); return $text }

my $order = JSON::PP->new->utf8->decode(do { local $/; <STDIN> });
my $login = $order->{login};
my @options = ('-a', '-x', '-oStrictHostKeyChecking=no', '-oUserKnownHostsFile=/dev/null',
               '-oLogLevel=ERROR');
# A second prompt it would leave unanswered until its time is over.
push @options, defined $login->{password}
    ? ('-oNumberOfPasswordPrompts=1', '-oPubkeyAuthentication=no')
    : '-oIdentitiesOnly=yes';
my $sftp = Net::SFTP::Foreign->new(
    '127.0.0.1',
    port => $login->{port},
    user => $login->{user},
    more => \@options,
    fs_encoding => 'latin1',
    timeout => 60,
    defined $login->{password}
        ? (password => $login->{password})
        : (key_path => $login->{key}{openssh}),
);

my %perform = (
    list => sub {
        my $names = $sftp->ls($_[0]{path}, names_only => 1) or return;
        # utf8::decode makes characters of the bytes, for JSON.
        utf8::decode($_) for @$names;
        print JSON::PP->new->utf8->encode({names => $names}), "\n";
        return 1;
    },
    # A new file's mode is made as it is here unless told otherwise; its time, too.
    put => sub { $sftp->put($_[0]{here}, $_[0]{there}, copy_time => 0, copy_perm => 0) },
    putKept => sub { $sftp->put($_[0]{here}, $_[0]{there}) },
    resumePut => sub { $sftp->put($_[0]{here}, $_[0]{there}, resume => 1) },
    putTree => sub { $sftp->rput($_[0]{here}, $_[0]{there}); !$sftp->error },
    get => sub { $sftp->get($_[0]{there}, $_[0]{here}, copy_time => 0, copy_perm => 0) },
    getKept => sub { $sftp->get($_[0]{there}, $_[0]{here}) },
    resumeGet => sub { $sftp->get($_[0]{there}, $_[0]{here}, resume => 1) },
    getTree => sub { $sftp->rget($_[0]{there}, $_[0]{here}); !$sftp->error },
    rename => sub { $sftp->rename($_[0]{from}, $_[0]{to}) },
    replace => sub { $sftp->rename($_[0]{from}, $_[0]{to}, overwrite => 1) },
    symlink => sub { $sftp->symlink($_[0]{to}, $_[0]{from}) },
    hardlink => sub { $sftp->hardlink($_[0]{to}, $_[0]{from}) },
    remove => sub { $sftp->remove($_[0]{path}) },
    mkdir => sub { $sftp->mkdir($_[0]{path}) },
    rmdir => sub { $sftp->rmdir($_[0]{path}) },
    chmod => sub { $sftp->chmod($_[0]{path}, $_[0]{mode}) },
    df => sub {
        my $space = $sftp->statvfs($_[0]{path}) or return;
        my ($unit, $all, $free) = @$space{qw(frsize blocks bfree)};
        print JSON::PP->new->encode({total => $all * $unit, used => ($all - $free) * $unit}), "\n";
        return 1;
    },
);

if ($sftp->error) {
    print STDERR 'connection: ' . $sftp->error . "\n";
    exit 1;
}
my $failed = 0;
for my $op (@{$order->{ops}}) {
    my %op = map { $_ => bytes($op->{$_}) } keys %$op;
    next if $perform{$op->{do}}->(\%op) && !$sftp->error;
    $failed = 1;
    my $status = $sftp->status;
    print STDERR "$op{do}: " . ($sftp->error || 'failed') . ", status: $status\n";
    last unless $order->{goOn};
}
exit $failed;
