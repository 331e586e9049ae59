<?php

$target = $argv[1];
$phar = new Phar($target);
$phar->setSignatureAlgorithm(Phar::SHA256);
foreach (['index.php', 'src/hello.php'] as $name) {
    $phar->addFromString($name, file_get_contents($name));
}
$phar->compressFiles(Phar::GZ);
$phar->setStub("#!/usr/bin/env php\n" . Phar::createDefaultStub('index.php'));
